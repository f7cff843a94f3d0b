// SPDX-License-Identifier: Apache-2.0

extension PictureFormat {
  /// How many leading bytes `init(recognizing:)` looks at. The first 16 are enough for nearly all formats, but an SVG
  /// may have a comment in front of its first element, DICOM's name lies behind 128 bytes, and a DNG differs from a
  /// TIFF by an entry of its directory.
  public static let signatureByteCount = 1024

  /// The format that these leading bytes of a file announce; nil if they announce none.
  ///
  /// Even if the bytes announce a format, the rest of the file can be anything.
  public init?(recognizing bytes: RawSpan) {
    guard let format = Recognition(of: bytes).format else { return nil }
    self = format
  }

  /// Whether ``Bitmap`` can decode the format.
  public var isDecodable: Bool { PictureCodecs.all.contains { $0.format == self } }
}

/// What the leading bytes of a file say about its format.
enum Recognition: Equatable {
  case format(PictureFormat)
  /// With more bytes, it could still become a format.
  case open
  /// No format that is known.
  case unknown
  /// The file has no bytes.
  case empty

  /// If the bytes are not the whole file, more may come.
  init(of bytes: RawSpan, isWhole: Bool = true) {
    guard bytes.byteCount > 0 || !isWhole else {
      self = .empty
      return
    }
    let count = min(bytes.byteCount, PictureFormat.signatureByteCount)
    var candidates = Candidates(
      LeadingBytes(bytes.extracting(..<count)), isWhole: isWhole || count == PictureFormat.signatureByteCount)
    candidates.consider()
    self = candidates.result
  }

  /// Nil if it is not known, or if there is none.
  var format: PictureFormat? {
    guard case .format(let format) = self else { return nil }
    return format
  }

  /// The codec for a whole file. Throws if the file has no format that can be decoded.
  func codec() throws(BitmapError) -> any PictureCodec.Type {
    guard let codec = try codecIfDecided() else { throw .noPicture }
    return codec
  }

  /// The same for a file of which more may come; nil if more bytes are needed to decide.
  func codecIfDecided() throws(BitmapError) -> (any PictureCodec.Type)? {
    switch self {
    case .open: return nil
    case .unknown: throw .noPicture
    case .empty: throw BitmapError(.notAPicture, "there is nothing in it: 0 bytes.")
    case .format(let format):
      guard let codec = PictureCodecs.all.first(where: { $0.format == format }) else {
        throw BitmapError(
          .unsupported, "this is \(format.noun), which cannot be decoded here. \(format.advice)", format: format)
      }
      return codec
    }
  }
}

extension BitmapError {
  fileprivate static var noPicture: BitmapError {
    let names = PictureCodecs.all.map { "\($0.format)" }
    let list = names.dropLast().joined(separator: ", ") + " or " + names.suffix(1).joined()
    return BitmapError(.notAPicture, "this is no picture: it starts like no \(list) file.")
  }
}

/// Tries formats one after another. The first format that matches is the result, if no earlier format can still match.
private struct Candidates: ~Escapable {
  private let lead: LeadingBytes
  private let isWhole: Bool
  private(set) var result = Recognition.unknown

  @_lifetime(copy lead)
  init(_ lead: LeadingBytes, isWhole: Bool) {
    self.lead = lead
    self.isWhole = isWhole
  }

  private mutating func take(_ kind: PictureFormat.Kind, _ match: LeadingBytes.Match) {
    guard result == .unknown else { return }
    switch match {
    case .yes: result = .format(PictureFormat(kind: kind))
    case .open: if !isWhole { result = .open }
    case .no: break
    }
  }

  private mutating func take(_ kind: PictureFormat.Kind, anyOf texts: [String]) {
    for text in texts { take(kind, lead.starts(with: text)) }
  }

  private mutating func take(_ kind: PictureFormat.Kind, anyOf signatures: [[UInt8]]) {
    for signature in signatures { take(kind, lead.starts(with: signature)) }
  }

  /// In each group, the more specific ones come first.
  mutating func consider() {
    considerDecodable()
    guard result == .unknown else { return }
    considerOtherPictures()
    considerRawPhotos()
    considerDocumentsAndVideos()
  }

  private mutating func considerDecodable() {
    // These two begin like a JPEG and a PNG. If a JPEG-LS file has a segment ahead of its frame, it is recognised when
    // libjpeg reads its header.
    take(.jpegLS, lead.starts(with: [0xFF, 0xD8, 0xFF, 0xF7]))
    take(.cgbi, PNGCodec.match(lead) && lead.has("CgBI", at: 12))
    for codec in PictureCodecs.all where result == .unknown { take(codec.format.kind, codec.match(lead)) }
  }

  private mutating func considerOtherPictures() {
    take(.gif, lead.starts(with: "GIF8"))
    // Two letters are weak evidence, but a bitmap file also has four zeros after its size.
    take(.bmp, lead.starts(with: "BM") && lead.has([0, 0, 0, 0], at: 6))
    take(.jpegXL, anyOf: [[0xFF, 0x0A], [0, 0, 0, 12] + Array("JXL \r\n".utf8) + [0x87, 0x0A]])
    take(
      .jpeg2000, anyOf: [[0xFF, 0x4F, 0xFF, 0x51], [0, 0, 0, 12] + Array("jP  \r\n".utf8) + [0x87, 0x0A]])
    // An icon or a cursor. It has at least one picture, and the description of the first picture contains a zero.
    take(
      .ico,
      lead.starts(with: [0, 0]) && lead.has(anyOf: 1...2, at: 2) && lead.has([0], at: 3)
        && lead.has(anyOf: 1...255, at: 4) && lead.has([0], at: 5) && lead.has([0], at: 9))
    take(.psd, lead.starts(with: "8BPS"))
    take(.jpegXR, lead.starts(with: [0x49, 0x49, 0xBC]))
    take(.openEXR, lead.starts(with: [0x76, 0x2F, 0x31, 0x01]))
    take(.radiance, anyOf: ["#?RADIANCE", "#?RGBE"])
    take(.pfm, anyOf: ["PF\n", "Pf\n"])
    take(.qoi, lead.starts(with: "qoif"))
    take(.dds, lead.starts(with: "DDS "))
    take(.xcf, lead.starts(with: "gimp xcf"))
    // The file's size follows the name. It is less than 16 MiB, so its first byte is 0.
    take(.icns, lead.starts(with: "icns") && lead.has([0], at: 4))
    take(.mng, anyOf: [[0x8A, 0x4D, 0x4E, 0x47], [0x8B, 0x4A, 0x4E, 0x47]])
  }

  private mutating func considerRawPhotos() {
    let tiff =
      [[0x49, 0x49, 0x2A, 0], [0x4D, 0x4D, 0, 0x2A], [0x49, 0x49, 0x2B, 0], [0x4D, 0x4D, 0, 0x2B]] as [[UInt8]]
    take(.cameraRaw, lead.starts(with: tiff[0]) && lead.has("CR", at: 8))
    // The tag is that of a DNG's version.
    take(.cameraRaw, lead.starts(with: tiff[0]) && lead.hasEntry(withTag: 0xC612, isLittle: true))
    take(.cameraRaw, lead.starts(with: tiff[1]) && lead.hasEntry(withTag: 0xC612, isLittle: false))
    take(.tiff, anyOf: tiff)
    take(.cameraRaw, anyOf: ["FUJIFILMCCD-RAW", "IIRO", "IIRS", "MMOR", "IIU\0", "FOVb", "\0MRM"])
    take(.cameraRaw, lead.starts(with: "II") && lead.has("HEAPCCDR", at: 6))
  }

  private mutating func considerDocumentsAndVideos() {
    take(.pdf, lead.starts(with: "%PDF-"))
    take(.postScript, lead.starts(with: "%!PS"))
    take(.postScript, lead.starts(with: [0xC5, 0xD0, 0xD3, 0xC6]))
    take(.djvu, lead.starts(with: "AT&TFORM"))
    take(.matroska, lead.starts(with: [0x1A, 0x45, 0xDF, 0xA3]))
    take(.avi, lead.starts(with: "RIFF") && lead.has("AVI ", at: 8))
    take(.video, anyOf: [[0, 0, 1, 0xBA], [0, 0, 1, 0xB3], [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]])
    take(.video, lead.starts(with: "FLV\u{1}"))
    take(.video, lead.starts(with: "OggS") && lead.has("theora", at: 29))
    considerMediaFiles()
    take(.svg, lead.matchOfSVG)
    take(.svg, lead.matchOfCompressedSVG)
    // The names of these two lie far behind the start, so they come last.
    take(.emf, lead.starts(with: [1, 0, 0, 0]) && lead.has(" EMF", at: 40))
    // The 128 bytes in front of DICOM's name may be anything, but nearly all files have zeros there. This test asks for
    // zeros at the start, because without it no file could be refused before 132 of its bytes are there.
    take(.dicom, lead.starts(with: [0, 0, 0, 0]) && lead.has("DICM", at: 128))
  }

  /// Files of boxes (ISO 14496-12, and QuickTime, from which it comes), recognised by the brands in the first box.
  private mutating func considerMediaFiles() {
    // A box of brands is small, so its length begins with two zeros. Without this test, any file could still become one
    // of these while fewer than eight bytes are there.
    let isBranded = lead.starts(with: [0, 0]) && lead.has("ftyp", at: 4)
    for brand in ["avif", "avis"] { take(.avif, isBranded && lead.has(brand, at: 8)) }
    for brand in ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"] {
      take(.heic, isBranded && lead.has(brand, at: 8))
    }
    for brand in ["mif1", "mif2", "msf1", "miaf", "1pic"] {
      let isPicture = isBranded && lead.has(brand, at: 8)
      take(.avif, isPicture && lead.hasCompatibleBrand("avif"))
      take(.heic, isPicture)
    }
    take(.cameraRaw, isBranded && lead.has("crx ", at: 8))
    // Files with sound only are not recognised.
    let isSound = ["M4A ", "M4B ", "M4P ", "F4A ", "F4B "].contains { (isBranded && lead.has($0, at: 8)) == .yes }
    if !isSound { take(.mp4, isBranded && (lead.byteCount >= 12 ? .yes : .open)) }
    for box in ["moov", "wide", "pnot"] { take(.mp4, lead.starts(with: [0, 0]) && lead.has(box, at: 4)) }
    take(.mp4, lead.has("mdat", at: 4))
  }
}
