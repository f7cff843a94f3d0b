// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("The tuple type of a PAM")
struct TupleTypeTests {
  /// A PAM of one pixel, with `lines` between the fields and the end of the header.
  static func file(_ lines: String, depth: Int, maximum: Int = 255) -> [UInt8] {
    Array("P7\nWIDTH 1\nHEIGHT 1\nDEPTH \(depth)\nMAXVAL \(maximum)\n\(lines)ENDHDR\n".utf8)
      + [UInt8](repeating: 1, count: depth * (maximum > 255 ? 2 : 1))
  }

  /// The error of a file. It is the same for the whole file, for the file in pieces, and if only its header is read.
  static func error(_ file: [UInt8], arena: Arena) throws -> BitmapError {
    let errors = try [
      bitmapError { try Bitmap.decode(file, arena: arena).dispose() },
      // SAFETY: an array of bytes is initialised throughout.
      bitmapError { _ = try unsafe PictureInfo(probing: file.span.bytes) },
      bitmapError {
        var decoder = PictureDecoder(limits: .default, arena: arena)
        for i in file.indices { try LateMetadataTests.append(file[i...i], to: &decoder) }
      },
    ]
    for error in errors { #expect(error.code == errors[0].code && error.reason == errors[0].reason, "\(error)") }
    return errors[0]
  }

  @Test(
    "Each known type is decoded to its own format",
    arguments: [
      ("BLACKANDWHITE", 1, 1, PixelFormat.gray8, [255]), ("GRAYSCALE", 1, 255, .gray8, [1]),
      ("RGB", 3, 255, .rgb8, [1, 1, 1]), ("BLACKANDWHITE_ALPHA", 2, 1, .grayAlpha8, [255, 255]),
      ("GRAYSCALE_ALPHA", 2, 255, .grayAlpha8, [1, 1]), ("RGB_ALPHA", 4, 255, .rgba8, [1, 1, 1, 1]),
      ("GRAYSCALE", 1, 65_535, .gray16, [1, 1]),
    ] as [(String, Int, Int, PixelFormat, [UInt8])])
  func known(type: String, depth: Int, maximum: Int, format: PixelFormat, pixels: [UInt8]) throws {
    try withOwnArena { arena in
      for line in ["TUPLTYPE \(type)\n", "TUPLTYPE  \t \(type) \t\n", "TUPLTYPE\nTUPLTYPE \(type)\n"] {
        let bitmap = try Bitmap.decode(Self.file(line, depth: depth, maximum: maximum), arena: arena)
        #expect(bitmap.format == format)
        #expect(try bitmap.takePacked() == pixels, "\(line)")
      }
    }
  }

  @Test("If there is no type, or an empty one, the number of channels decides")
  func absent() throws {
    try withOwnArena { arena in
      let formats: [PixelFormat] = [.gray8, .grayAlpha8, .rgb8, .rgba8]
      for (index, format) in formats.enumerated() {
        for line in ["", "TUPLTYPE\n", "TUPLTYPE \t\n"] {
          let bitmap = try Bitmap.decode(Self.file(line, depth: index + 1), arena: arena)
          defer { bitmap.dispose() }
          #expect(bitmap.format == format)
        }
      }
    }
  }

  @Test(
    "CMYK and unknown types are unsupported, and the error names the type and says what helps",
    arguments: [
      ("TUPLTYPE CMYK\n", 4, "CMYK"), ("TUPLTYPE CMYK_ALPHA\n", 5, "CMYK_ALPHA"), ("TUPLTYPE rgb\n", 3, "rgb"),
      ("TUPLTYPE HSV\n", 3, "HSV"), ("TUPLTYPE RGB_ALPHA_DEPTH\n", 4, "RGB_ALPHA_DEPTH"), ("TUPLTYPE RG\n", 3, "RG"),
      ("TUPLTYPE RGB\nTUPLTYPE ALPHA\n", 4, "RGB…"), ("TUPLTYPE G\u{7}\u{e4}\n", 1, "G???"),
      ("TUPLTYPE \(String(repeating: "A", count: 100))\n", 1, "\(String(repeating: "A", count: 40))…"),
    ])
  func unknown(lines: String, depth: Int, name: String) throws {
    try withOwnArena { arena in
      let error = try Self.error(Self.file(lines, depth: depth), arena: arena)
      #expect(error.code == .unsupported && error.format == .netpbm)
      #expect(error.reason.contains("its TUPLTYPE is \(name),"), "\(error)")
      #expect(error.reason.contains("Convert it to RGB or GRAYSCALE"), "\(error)")
    }
  }

  @Test(
    "A depth or a maximum that does not belong to the type is damage",
    arguments: [
      ("GRAYSCALE", 2, 255), ("GRAYSCALE_ALPHA", 1, 255), ("RGB", 4, 255), ("RGB", 1, 255), ("RGB_ALPHA", 3, 255),
      ("BLACKANDWHITE", 1, 255), ("BLACKANDWHITE_ALPHA", 2, 3), ("BLACKANDWHITE", 3, 1),
    ])
  func mismatched(type: String, depth: Int, maximum: Int) throws {
    try withOwnArena { arena in
      let error = try Self.error(Self.file("TUPLTYPE \(type)\n", depth: depth, maximum: maximum), arena: arena)
      #expect(error.code == .corrupt && error.reason.contains(type), "\(error)")
    }
  }

  @Test("A PAM by ImageMagick with CMYK is not read as RGBA", .enabled(if: Corpus.isPresent, Corpus.absence))
  func reported() throws {
    try withOwnArena { arena in
      let file = try Corpus.bytes("reported/03-pam-tupltype-cmyk-read-as-rgba.own-by-imagemagick.pam")
      let error = try Self.error(file, arena: arena)
      #expect(error.code == .unsupported && error.reason.contains("CMYK"), "\(error)")
    }
  }
}
