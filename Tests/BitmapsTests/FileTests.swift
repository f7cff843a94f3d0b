// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Files that are not pictures")
struct FileTests {
  static func error(decoding path: String, limits: DecodingLimits = .default, arena: Arena) throws -> BitmapError {
    let error = try bitmapError("\(path)") {
      try Bitmap(decodingFileAt: path, limits: limits, arena: arena).dispose()
    }
    #expect(error.path == path && error.description.hasPrefix("\(path): "))
    return error
  }

  @Test("The errors for text, an empty file and a missing file say what they are")
  func ordinary() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        try Files.write(Array("Not a picture at all".utf8), to: "\(folder)/text.jpg")
        #expect(try Self.error(decoding: "\(folder)/text.jpg", arena: arena).code == .notAPicture)
        try Files.write([], to: "\(folder)/empty.png")
        let empty = try Self.error(decoding: "\(folder)/empty.png", arena: arena)
        #expect(empty.code == .notAPicture && empty.description.contains("0 bytes"))
        let missing = try Self.error(decoding: "\(folder)/missing.jpg", arena: arena)
        #expect(missing.code == .unreadableFile && missing.systemErrorNumber == ENOENT)
        #expect(missing.description.contains("no such file"))
      }
    }
  }

  @Test("A folder, a pipe and a device are refused without waiting for them")
  func special() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        try #require(unsafe mkfifo("\(folder)/pipe.jpg", 0o644) == 0)
        for (path, word) in [(folder, "folder"), ("\(folder)/pipe.jpg", "pipe"), ("/dev/zero", "device")] {
          let error = try Self.error(decoding: path, arena: arena)
          #expect(error.code == .unreadableFile && error.description.contains(word))
        }
      }
    }
  }

  @Test(
    "The error for a forbidden file says that it is forbidden", .enabled(if: getuid() != 0, "Root may read everything.")
  )
  func forbidden() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        try Files.write([0xFF, 0xD8, 0xFF], to: "\(folder)/secret.jpg")
        try #require(unsafe chmod("\(folder)/secret.jpg", 0) == 0)
        let error = try Self.error(decoding: "\(folder)/secret.jpg", arena: arena)
        #expect(error.code == .unreadableFile && error.systemErrorNumber == EACCES)
      }
    }
  }

  @Test("A path that contains a NUL opens no other file")
  func nul() throws {
    try withOwnArena { arena in
      let error = try Self.error(decoding: "/etc/hostname\0.jpg", arena: arena)
      #expect(error.code == .unreadableFile)
    }
  }

  @Test("A file larger than the limit is refused before it is read")
  func large() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let file = try JPEGDecodingTests.drawnJPEG(width: 100, height: 100, arena: arena)
        try Files.write(file, to: "\(folder)/large.jpg")
        var limits = DecodingLimits()
        limits.encodedByteCount = file.count - 1
        let error = try Self.error(decoding: "\(folder)/large.jpg", limits: limits, arena: arena)
        #expect(
          error.exceededLimit
            == .init(name: "encodedByteCount", needed: file.count, allowed: file.count - 1, unit: "bytes"))
      }
    }
  }

  @Test(
    "If the format of a picture is not supported, the error names the format",
    arguments: [
      (Array("GIF89a\u{1}\0".utf8), PictureFormat.gif),
      ([0x49, 0x49, 0x2A, 0, 8, 0, 0, 0], .tiff), (Array("BM1234\0\0\0\0".utf8), .bmp),
    ])
  func otherFormats(bytes: [UInt8], format: PictureFormat) throws {
    try withOwnArena { arena in
      let error = try bitmapError { try Bitmap.decode(bytes, arena: arena).dispose() }
      #expect(error.code == .unsupported && error.format == format)
      #expect(error.description.contains("\(format)"))
    }
  }
}
