// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Files of formats that are not decoded")
struct RecognitionTests {
  struct Sample: Sendable, CustomTestStringConvertible {
    let format: PictureFormat
    let lead: [UInt8]
    /// The number of bytes after which the format is known.
    let byteCount: Int
    var testDescription: String { "\(format): \(lead.prefix(16))" }

    init(_ format: PictureFormat, _ lead: [UInt8], toldBy byteCount: Int) {
      (self.format, self.lead, self.byteCount) = (format, lead, byteCount)
    }

    init(_ format: PictureFormat, _ text: String, toldBy byteCount: Int) {
      self.init(format, Array(text.utf8), toldBy: byteCount)
    }
  }

  /// A first box of brands: the major one, its version, and those with which it is compatible.
  private static func brands(_ names: String...) -> [UInt8] {
    [0, 0, 0, UInt8(12 + 4 * names.count)] + Array("ftyp\(names[0])".utf8) + [0, 0, 2, 0]
      + names.dropFirst().flatMap { Array($0.utf8) }
  }

  /// What gzip makes of a text if it stores the text without compression; the rest of the file is left out.
  private static func gzip(_ text: String) -> [UInt8] {
    [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 255, 0, 0, 255] + Array(text.utf8)
  }

  static let samples: [Sample] = [
    Sample(.gif, "GIF89a\u{1}\0", toldBy: 4),
    Sample(.tiff, [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 1, 0, 0, 1, 3, 0], toldBy: 12),
    Sample(.tiff, [0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 1, 1, 0, 0, 3], toldBy: 12),
    Sample(.tiff, [0x49, 0x49, 0x2A, 0, 0, 0, 16, 0, 12, 0], toldBy: 9),
    Sample(.tiff, [0x4D, 0x4D, 0, 0x2A, 0, 16, 0, 0], toldBy: 8),
    Sample(.tiff, [0x49, 0x49, 0x2B, 0, 8, 0, 0, 0], toldBy: 4),
    Sample(.bmp, "BM1234\0\0\0\0", toldBy: 10),
    Sample(.heic, brands("heic", "mif1", "heic"), toldBy: 12),
    Sample(.heic, brands("hevc", "msf1", "hevc"), toldBy: 12),
    Sample(.heic, brands("mif1", "mif1", "heic"), toldBy: 21),
    Sample(.avif, brands("avif", "mif1", "miaf"), toldBy: 12),
    Sample(.avif, brands("avis", "msf1"), toldBy: 12),
    Sample(.avif, brands("mif1", "mif1", "avif", "miaf"), toldBy: 24),
    Sample(.jpegXL, [0xFF, 0x0A, 0xFA, 0x1F], toldBy: 2),
    Sample(.jpegXL, [0, 0, 0, 12, 0x4A, 0x58, 0x4C, 0x20, 13, 10, 0x87, 10], toldBy: 12),
    Sample(.jpeg2000, [0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20, 13, 10, 0x87, 10], toldBy: 12),
    Sample(.jpeg2000, [0xFF, 0x4F, 0xFF, 0x51, 0, 0x2F], toldBy: 4),
    Sample(.ico, [0, 0, 1, 0, 2, 0, 32, 32, 0, 0, 1, 0], toldBy: 10),
    Sample(.ico, [0, 0, 2, 0, 1, 0, 32, 32, 0, 0, 4, 0], toldBy: 10),
    Sample(.psd, "8BPS\0\u{1}", toldBy: 4),
    Sample(.svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>", toldBy: 5),
    Sample(.svg, "<svg>", toldBy: 5),
    Sample(.svg, "\u{FEFF}<?xml version=\"1.0\"?>\n<!-- by - -- > hand -->\r\n<svg:svg ", toldBy: 59),
    Sample(.svg, "<?xml version=\"1.0\"?><!DOCTYPE svg PUBLIC", toldBy: 34),
    Sample(.svg, [0xFF, 0xFE] + "<svg>".utf16.flatMap { [UInt8($0), 0] }, toldBy: 12),
    Sample(.svg, [0xFE, 0xFF] + "<!--\u{E9}-->\n<svg ".utf16.flatMap { [0, UInt8($0)] }, toldBy: 30),
    Sample(.svg, gzip("<svg width=\"9\">"), toldBy: 20),
    Sample(.svg, gzip("<?xml version=\"1.0\"?><x:svg>"), toldBy: 43),
    Sample(PictureFormat(kind: .icns), "icns\0\u{1}\0\0", toldBy: 5),
    Sample(
      PictureFormat(kind: .emf), [1, 0, 0, 0] + [UInt8](repeating: 9, count: 36) + Array(" EMF".utf8), toldBy: 44),
    Sample(PictureFormat(kind: .dicom), [UInt8](repeating: 0, count: 128) + Array("DICM".utf8), toldBy: 132),
    Sample(.pdf, "%PDF-1.7\n", toldBy: 5),
    Sample(.cgbi, [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 4] + Array("CgBI".utf8) + [0x50, 0], toldBy: 16),
    Sample(.mp4, brands("isom", "iso2", "mp41"), toldBy: 12),
    Sample(.mp4, brands("qt  "), toldBy: 12),
    Sample(.mp4, [0, 0, 0, 8] + Array("wide".utf8), toldBy: 8),
    Sample(.mp4, [0x12, 0x34, 0x56, 0x78] + Array("mdat".utf8), toldBy: 8),
    Sample(.matroska, [0x1A, 0x45, 0xDF, 0xA3, 0x9F], toldBy: 4),
    Sample(.avi, "RIFF1234AVI LIST", toldBy: 12),
    Sample(PictureFormat(kind: .video), "OggS\0\u{2}67890123456789012345\u{1}*\u{7F}theora", toldBy: 35),
    Sample(PictureFormat(kind: .video), "FLV\u{1}", toldBy: 4),
    Sample(.cameraRaw, [0x49, 0x49, 0x2A, 0, 16, 0, 0, 0, 0x43, 0x52, 2, 0], toldBy: 10),
    Sample(
      .cameraRaw, [0x49, 0x49, 0x2A, 0, 8, 0, 0, 0, 2, 0, 0, 1, 3, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0x12, 0xC6], toldBy: 24),
    Sample(
      .cameraRaw, [0x4D, 0x4D, 0, 0x2A, 0, 0, 0, 8, 0, 2, 1, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0xC6, 0x12], toldBy: 24),
    Sample(.cameraRaw, brands("crx ", "isom"), toldBy: 12),
    Sample(.cameraRaw, "FUJIFILMCCD-RAW 0201", toldBy: 15),
    Sample(.cameraRaw, [0x49, 0x49, 0x1A, 0, 0, 0] + Array("HEAPCCDR".utf8), toldBy: 14),
    Sample(.cameraRaw, "IIU\0\u{18}", toldBy: 4),
    Sample(PictureFormat(kind: .jpegLS), [0xFF, 0xD8, 0xFF, 0xF7, 0, 11], toldBy: 4),
    Sample(PictureFormat(kind: .jpegXR), [0x49, 0x49, 0xBC, 1], toldBy: 3),
    Sample(PictureFormat(kind: .openEXR), [0x76, 0x2F, 0x31, 1, 2], toldBy: 4),
    Sample(PictureFormat(kind: .radiance), "#?RADIANCE\n", toldBy: 10),
    Sample(PictureFormat(kind: .pfm), "PF\n2 2\n", toldBy: 3),
    Sample(PictureFormat(kind: .qoi), "qoif", toldBy: 4),
    Sample(PictureFormat(kind: .dds), "DDS |", toldBy: 4),
    Sample(PictureFormat(kind: .xcf), "gimp xcf v011", toldBy: 8),
    Sample(PictureFormat(kind: .mng), [0x8A, 0x4D, 0x4E, 0x47, 13], toldBy: 4),
    Sample(PictureFormat(kind: .djvu), "AT&TFORM", toldBy: 8),
    Sample(PictureFormat(kind: .postScript), "%!PS-Adobe-3.0 EPSF-3.0", toldBy: 4),
  ]

  /// The error of the first piece at which the format is known, for pieces of `size` bytes, and how many bytes were
  /// there at that time.
  static func refusal(of file: [UInt8], size: Int, arena: Arena) throws -> (error: BitmapError?, byteCount: Int) {
    var decoder = PictureDecoder(limits: .default, arena: arena)
    for start in stride(from: 0, to: file.count, by: size) {
      let piece = file[start..<min(start + size, file.count)]
      do {
        try LateMetadataTests.append(piece, to: &decoder)
      } catch let error as BitmapError {
        return (error, piece.endIndex)
      }
    }
    return (nil, file.count)
  }

  @Test(
    "The error names the format and says what helps: whole, as a file, and in pieces as soon as the format is known",
    arguments: samples)
  func named(sample: Sample) throws {
    try withOwnArena { arena in
      let file = sample.lead + [UInt8](repeating: 0x41, count: 2000)
      let whole = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
      #expect(whole.code == .unsupported && whole.format == sample.format, "\(whole)")
      #expect(whole.reason.hasPrefix("this is \(sample.format.noun), which cannot be decoded here. "), "\(whole)")
      #expect(sample.format.advice.hasSuffix("."))
      // SAFETY: an array of bytes is initialised throughout.
      let probed = try bitmapError { _ = try unsafe PictureInfo(probing: file.span.bytes) }
      #expect(probed.code == .unsupported && probed.reason == whole.reason)
      try Files.withTemporaryFolder { folder in
        try Files.write(file, to: "\(folder)/photo.jpg")
        let onDisk = try FileTests.error(decoding: "\(folder)/photo.jpg", arena: arena)
        #expect(onDisk.code == .unsupported && onDisk.reason == whole.reason)
      }
      for size in [1, 7, file.count] {
        let (error, byteCount) = try Self.refusal(of: file, size: size, arena: arena)
        #expect(
          error?.code == .unsupported && error?.reason == whole.reason, "\(size) bytes: \(String(describing: error))")
        #expect(byteCount == min(file.count, (sample.byteCount + size - 1) / size * size), "pieces of \(size) bytes")
      }
    }
  }

  @Test("A format that can be decoded is known after the same number of bytes, whatever follows")
  func decodable() throws {
    let leads: [(PictureFormat, [UInt8], Int)] = [
      (.jpeg, [0xFF, 0xD8, 0xFF, 0xE0], 4), (.webp, Array("RIFF1234WEBP".utf8), 12), (.netpbm, Array("P7\n".utf8), 3),
      (.png, [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 13] + Array("IHDR".utf8), 13),
      (.png, [0x89, 0x50, 0x4E, 0x47, 13, 10, 26, 10, 0, 0, 0, 4] + Array("CgBJ".utf8), 16),
    ]
    for (format, lead, least) in leads {
      for count in 0...lead.count {
        let part = Array(lead[..<count])
        // SAFETY: an array of bytes is initialised throughout.
        let known = unsafe Recognition(of: part.span.bytes, isWhole: false)
        #expect(known == (count < least ? .open : .format(format)), "\(format), \(count) bytes")
      }
    }
  }

  @Test(
    "Data that is not a picture gives an error that says so, in pieces as soon as it is certain",
    arguments: [
      ("Not a picture at all, but text", 5), ("<!DOCTYPE html>\n<html><svg>", 11), ("  <html><svg>", 8),
      ("<?xml version=\"1.0\"?><svgs>", 27), ("<!-- <svg> -->\nnone", 16), ("P8\n1 1\n", 5), ("RIFF1234WAVEfmt ", 10),
      ("OggS\0\u{2}67890123456789012345\u{1}*\u{1}vorbis", 30), ("\0\0\u{1}\0\0\0", 5), ("\u{7F}ELF\u{2}", 5),
      ("\0\0\0\u{1C}ftypM4A \0\0\u{2}\0", 12), ("%PDG-1.7", 5), ("BMW is no bitmap", 7), ("\0\u{1}\0\0\0\u{12}", 5),
      ("icns is a name", 5), ("\u{1}\0\0\0" + String(repeating: "x", count: 36) + " EMG", 44),
      (String(repeating: "\0", count: 128) + "DICX", 132),
    ])
  func noPicture(text: String, told: Int) throws {
    try withOwnArena { arena in
      let file = Array(text.utf8)
      let whole = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
      #expect(whole.code == .notAPicture && whole.format == nil, "\(whole)")
      let (error, byteCount) = try Self.refusal(of: file, size: 1, arena: arena)
      #expect(error?.code == .notAPicture && error?.reason == whole.reason, "\(String(describing: error))")
      #expect(byteCount == told)
    }
  }

  /// `<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>`, by `gzip drawing.svg`.
  private static let compressedDrawing: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x08, 0x00, 0x00, 0x00, 0x00, 0x02, 0xFF, 0x64, 0x72, 0x61, 0x77, 0x69, 0x6E, 0x67, 0x2E, 0x73,
    0x76, 0x67, 0x00, 0xB3, 0x29, 0x2E, 0x4B, 0x57, 0xA8, 0xC8, 0xCD, 0xC9, 0x2B, 0xB6, 0x55, 0xCA, 0x28, 0x29, 0x29,
    0xB0, 0xD2, 0xD7, 0x2F, 0x2F, 0x2F, 0xD7, 0x2B, 0x37, 0xD6, 0xCB, 0x2F, 0x4A, 0xD7, 0x37, 0x32, 0x30, 0x30, 0xD0,
    0x07, 0xAA, 0x50, 0x52, 0x28, 0xCF, 0x4C, 0x29, 0xC9, 0xB0, 0x55, 0x32, 0x51, 0x52, 0xC8, 0x48, 0xCD, 0x4C, 0xCF,
    0x28, 0x01, 0x31, 0xF5, 0xED, 0x00, 0xE3, 0x58, 0xB6, 0xD8, 0x3E, 0x00, 0x00, 0x00,
  ]

  /// `<html><body>no drawing</body></html>`, by `gzip -n`.
  private static let compressedText: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xFF, 0xB3, 0xC9, 0x28, 0xC9, 0xCD, 0xB1, 0xB3, 0x49, 0xCA,
    0x4F, 0xA9, 0xB4, 0xCB, 0xCB, 0x57, 0x48, 0x29, 0x4A, 0x2C, 0xCF, 0xCC, 0x4B, 0xB7, 0xD1, 0x07, 0x0B, 0xD8, 0xE8,
    0x83, 0x65, 0x01, 0x88, 0x87, 0x76, 0x58, 0x24, 0x00, 0x00, 0x00,
  ]

  @Test("A gzip file is a drawing if it holds one, and otherwise it is not a picture")
  func compressed() throws {
    try withOwnArena { arena in
      let drawing = Self.compressedDrawing
      let whole = try bitmapError { try Bitmap.decode(drawing, arena: arena).dispose() }
      #expect(whole.code == .unsupported && whole.format == .svg, "\(whole)")
      let (inPieces, byteCount) = try Self.refusal(of: drawing, size: 1, arena: arena)
      #expect(inPieces?.reason == whole.reason && byteCount < drawing.count)
      let damaged = Array(drawing[..<22]) + [0xFF, 0xFF, 0xFF, 0xFF]
      let spaces = Self.gzip(String(repeating: " ", count: 255))
      for file in [Self.compressedText, damaged, Array(drawing[..<16]), spaces] {
        let error = try bitmapError { try Bitmap.decode(file, arena: arena).dispose() }
        #expect(error.code == .notAPicture, "\(error)")
      }
      let text = try Self.refusal(of: Self.compressedText, size: 1, arena: arena)
      #expect(text.error?.code == .notAPicture && text.byteCount < Self.compressedText.count)
    }
  }

  @Test("Random bytes have the same result whole and in pieces")
  func random() throws {
    var generator = SeededGenerator(seed: 31)
    for _ in 0..<400 {
      let sample = Self.samples.randomElement(using: &generator) ?? Self.samples[0]
      var file = sample.lead
      for _ in 0..<Int.random(in: 0...2, using: &generator) {
        file[Int.random(in: 0..<file.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      file += (0..<Int.random(in: 0...1100, using: &generator)).map { _ in UInt8.random(in: 32...127, using: &generator)
      }
      // SAFETY: an array of bytes is initialised throughout.
      let whole = unsafe Recognition(of: file.span.bytes, isWhole: true)
      var known = Recognition.open
      for count in 1...min(file.count, 64) {
        let part = Array(file[..<count])
        // SAFETY: as above.
        let newer = unsafe Recognition(of: part.span.bytes, isWhole: false)
        // Once the format is known, it does not change.
        #expect(known == .open || newer == known, "seed 31: \(file.prefix(count))")
        known = newer
      }
      #expect(known == .open || known == whole, "seed 31: \(file.prefix(64))")
    }
  }

  @Test(
    "The errors for an AVIF and for a PNG of Apple's kind name these formats",
    .enabled(if: Corpus.isPresent, Corpus.absence),
    arguments: [("30-avif-called-no-picture.avif", "AVIF"), ("21-png-apple-cgbi-called-damaged.own.png", "CgBI")])
  func reported(name: String, word: String) throws {
    try withOwnArena { arena in
      let path = Corpus.path("reported/\(name)")
      let error = try FileTests.error(decoding: path, arena: arena)
      #expect(error.code == .unsupported && error.reason.contains(word), "\(error)")
      let (inPieces, byteCount) = try Self.refusal(of: Corpus.bytes("reported/\(name)"), size: 1, arena: arena)
      #expect(inPieces?.reason == error.reason && byteCount <= 16)
    }
  }
}
