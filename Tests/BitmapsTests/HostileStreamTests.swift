// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import Synchronization
import TestSupport
import Testing

@testable import Bitmaps

@Suite("The cost of hostile streams, and when they are refused")
struct HostileStreamTests {
  static func number(_ value: Int, isLittle: Bool = false) -> [UInt8] {
    let bytes = (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    return isLittle ? bytes : bytes.reversed()
  }

  /// Files of each format with `count` segments or chunks before the pixels, and, if the format allows it, as many
  /// behind them.
  static func files(pieces count: Int, arena: Arena) throws -> [[UInt8]] {
    let text = [[UInt8]](repeating: PNGWriter.chunk("tEXt", [1, 0, 2]), count: count).flatMap(\.self)
    let png = OrientationTests.plainPNG
    let jpeg = try JPEGDecodingTests.drawnJPEG(width: 30, height: 20, arena: arena)
    let comments = [[UInt8]](repeating: [0xFF, 0xFE, 0, 3, 7], count: count).flatMap(\.self)
    let webp = try LateMetadataTests.webP(exif: OrientationTests.exif(1, isLittle: true), arena: arena)
    let unknown = [[UInt8]](repeating: Array("ABCD".utf8) + [0, 0, 0, 0], count: count).flatMap(\.self)
    let container = Self.number(webp.count - 8 + 2 * unknown.count, isLittle: true)
    let longPNG = Array(png[..<33]) + text + Array(png[33..<png.count - 12]) + text + Array(png.suffix(12))
    let longJPEG = Array(jpeg[..<2]) + comments + Array(jpeg[2...])
    var longWebP = Array(webp[..<4]) + container + Array(webp[8..<30])
    longWebP += unknown + Array(webp[30...]) + unknown
    return [longPNG, longJPEG, longWebP]
  }

  @Test("In pieces, each segment and chunk is looked at once, and the codecs are called at most twice")
  func linear() throws {
    try withOwnArena { arena in
      // The texts before and behind the pixels; the comments with their lengths, and the JFIF segment; the colour
      // profile and the EXIF data of the WebP, whose unknown chunks are empty.
      let embedded = [2 * 3000 * 3, 3000 * 3 + 16, 300 + OrientationTests.exif(1, isLittle: true).count]
      for (file, byteCount) in zip(try Self.files(pieces: 3000, arena: arena), embedded) {
        // SAFETY: an array of bytes is initialised throughout.
        let whole = try unsafe PictureInfo(probing: file.span.bytes)
        #expect(whole.embeddedByteCount == byteCount && file.count > 14_000)
        let asked = Atomic<Int>(0)
        let (info, appends) = try WorkPace.$interval.withValue(1 << 12) {
          try WorkDeadline.$questionHook.withValue({ asked.add(1, ordering: .relaxed) }) {
            var decoder = PictureDecoder(limits: .default, arena: arena)
            var appends = 0
            for start in stride(from: 0, to: file.count, by: 16) {
              try LateMetadataTests.append(file[start..<min(start + 16, file.count)], to: &decoder)
              appends += 1
            }
            return (decoder.info, appends)
          }
        }
        #expect(info == whole)
        // One question for each call, one for the first step in it, one for each four steps, and libpng's two readings.
        let most = 2 * appends + 6000 / 4 + 2 * file.count / 8192
        #expect(asked.load(ordering: .relaxed) <= most, "\(asked.load(ordering: .relaxed)) of \(most)")
      }
    }
  }

  @Test("A file with changed bytes has the same result and the same header whole and in pieces")
  func changed() throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(seed: 20_261_125)
      var limits = DecodingLimits()
      limits.pixelCount = 1 << 16
      limits.embeddedByteCount = 4096
      var pictures = 0
      let netpbm = NetpbmHeaderTests.files(surplus: 40)
      for file in try Self.files(pieces: 4, arena: arena) + netpbm {
        for _ in 0..<(netpbm.contains(file) ? 40 : 400) {
          var changed = file
          for _ in 0..<Int.random(in: 1...2, using: &generator) {
            changed[Int.random(in: 2..<min(200, changed.count), using: &generator)] = UInt8.random(
              in: 0...255, using: &generator)
          }
          guard let whole = try? Bitmap.decode(changed, limits: limits, arena: arena).takePacked() else { continue }
          pictures += 1
          // SAFETY: an array of bytes is initialised throughout.
          let info = try unsafe PictureInfo(probing: changed.span.bytes, limits: limits)
          for size in [1, Int.random(in: 2...100, using: &generator)] {
            var decoder = PictureDecoder(limits: limits, arena: arena)
            for start in stride(from: 0, to: changed.count, by: size) {
              try LateMetadataTests.append(changed[start..<min(start + size, changed.count)], to: &decoder)
            }
            #expect(decoder.info == info)
            let pixels = try decoder.finish().takePacked()
            #expect(pixels == whole)
          }
        }
      }
      #expect(pictures > 300, "\(pictures)")
    }
  }

  @Test("A profile is read once, even if much data follows it")
  func profile() throws {
    try withOwnArena { arena in
      var file = try LateMetadataTests.webP(exif: OrientationTests.exif(6, isLittle: true), arena: arena)
      let icc = EmbeddedDataTests.icc(byteCount: 300, model: "RGB ")
      #expect(Array(file[38..<338]) == icc)
      var (header, infos) = (IncrementalHeaderParser(limits: .default), [PictureInfo]())
      for count in 1...file.count {
        try unsafe file.withUnsafeBytes { bytes in
          try unsafe header.look(at: UnsafeRawBufferPointer(rebasing: bytes[..<count]), deadline: WorkDeadline())
        }
        guard let info = header.info, info != infos.last else { continue }
        infos.append(info)
        file[38 + 200] ^= 1  // A second look would find this change.
      }
      // One is from when the pixels' head was there, and one from when the EXIF data was there.
      #expect(infos.count == 2 && infos.allSatisfy { $0.colorProfile.iccData == icc })
      #expect(infos.last?.orientation == .rotated90)
    }
  }

  @Test("The time limit counts the time inside of calls, not the time between them")
  func wallTime() throws {
    try withOwnArena { arena in
      for file in try Self.files(pieces: 50, arena: arena) {
        let time = Mutex(ContinuousClock.now)
        let advance: @Sendable (Duration) -> Void = { duration in time.withLock { $0 += duration } }
        /// Each question takes a millisecond, and there is an hour between two calls.
        func run(_ limit: Int, finishes: Bool) throws -> Int {
          var limits = DecodingLimits()
          limits.wallTime = .milliseconds(limit)
          let asked = Atomic<Int>(0)
          try WorkDeadline.$clockHook.withValue({ time.withLock { $0 } }) {
            try WorkDeadline.$questionHook.withValue({
              asked.add(1, ordering: .relaxed)
              advance(.milliseconds(1))
            }) {
              var decoder = PictureDecoder(limits: limits, arena: arena)
              for start in stride(from: 0, to: file.count, by: 16) {
                try LateMetadataTests.append(file[start..<min(start + 16, file.count)], to: &decoder)
                advance(.seconds(3600))
              }
              if finishes { try decoder.finish().dispose() }
            }
          }
          return asked.load(ordering: .relaxed)
        }
        let appending = try run(60_000, finishes: false)
        let all = try run(60_000, finishes: true)
        #expect(appending > 20 && all > appending)
        #expect(try run(appending, finishes: false) == appending)
        #expect(try run(all, finishes: true) == all)
        for (limit, finishes) in [(0, false), (10, false), (appending - 1, false), (appending, true), (all - 1, true)] {
          let error = try bitmapError { _ = try run(limit, finishes: finishes) }
          #expect(
            error.exceededLimit == .init(name: "wallTime", needed: limit + 2, allowed: limit, unit: "milliseconds"))
        }
      }
    }
  }

  @Test("If the task is cancelled, the next call ends, also in the middle of the header's segments")
  func cancellation() async throws {
    let arena = try Arena(name: "stream")
    for file in try Self.files(pieces: 200, arena: arena) {
      for size in [300, file.count] {
        try await MidwayCancellationTests.expectStops("pieces", arena: arena, remaining: 0, atLeast: 20) {
          var decoder = PictureDecoder(limits: .default, arena: arena)
          for start in stride(from: 0, to: file.count, by: size) {
            try LateMetadataTests.append(file[start..<min(start + size, file.count)], to: &decoder)
          }
          try decoder.finish().dispose()
        }
      }
    }
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("If the task is cancelled, probing of bytes and of files ends, at the start and in the middle of the header")
  func probing() async throws {
    let arena = try Arena(name: "probing")
    let folder = try Files.makeTemporaryFolder()
    let path = "\(folder)/picture"
    for file in try Self.files(pieces: 200, arena: arena) {
      try Files.write(file, to: path)
      let bodies: [@Sendable () throws -> Void] = [
        // SAFETY: an array of bytes is initialised throughout.
        { _ = try unsafe PictureInfo(probing: file.span.bytes) },
        { _ = try PictureInfo(probingFileAt: path, arena: arena) },
      ]
      for body in bodies {
        try await MidwayCancellationTests.expectStops("probing", arena: arena, remaining: 0, atLeast: 20, body)
        #expect(try await CancellationTests.errorWhenCancelled(body).code == .cancelled)
      }
      try await MidwayCancellationTests.expectStops("EXIF data", arena: arena, remaining: 0, atLeast: 20) {
        // SAFETY: as above.
        _ = try unsafe PictureInfo.exifData(of: file.span.bytes)
      }
    }
    for name in Files.names(in: folder) { #expect(unsafe unlink("\(folder)/\(name)") == 0) }
    #expect(unsafe rmdir(folder) == 0)
    try arena.expectEmpty()
    try arena.destroy()
  }

  /// Appends one byte at a time, and expects that the last one is refused and none before it.
  static func expectRefusal(
    _ file: [UInt8], _ name: String, needed: Int, limits: DecodingLimits = .default, arena: Arena,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    var count = 0
    let error = try bitmapError(sourceLocation: sourceLocation) {
      var decoder = PictureDecoder(limits: limits, arena: arena)
      for i in file.indices {
        count = i + 1
        try LateMetadataTests.append(file[i...i], to: &decoder)
      }
    }
    #expect(count == file.count, sourceLocation: sourceLocation)
    #expect(
      error.exceededLimit?.name == name && error.exceededLimit?.needed == needed, "\(error)",
      sourceLocation: sourceLocation)
  }

  @Test(
    "A PNG chunk that is too long is refused when more of it has arrived than allowed, before and behind the pixels")
  func pngChunks() throws {
    try withOwnArena { arena in
      var limits = DecodingLimits()
      limits.embeddedByteCount = 1000
      limits.colorProfileByteCount = 500
      let png = OrientationTests.plainPNG
      for place in [33, png.count - 12] {
        let head = Array(png[..<place])
        let text = head + Self.number(62_000_000) + Array("tEXt".utf8) + [UInt8](repeating: 7, count: 1001)
        try Self.expectRefusal(text, "embeddedByteCount", needed: 62_000_000, limits: limits, arena: arena)
        limits.embeddedByteCount = 5000
        // Noise becomes larger when it is compressed, and the chunk also has a name.
        let profile = head + Self.number(5_000_000) + Array("iCCP".utf8) + [UInt8](repeating: 7, count: 500 + 1024 + 1)
        try Self.expectRefusal(profile, "colorProfileByteCount", needed: 5_000_000, limits: limits, arena: arena)
        limits.embeddedByteCount = 1000
        let second = head + PNGWriter.chunk("tEXt", [1, 2, 3]) + Self.number(32 << 20) + Array("zTXt".utf8)
        try Self.expectRefusal(
          second + [UInt8](repeating: 7, count: 998), "embeddedByteCount", needed: 32 << 20 | 3, limits: limits,
          arena: arena)
      }
      // Any data may follow the end.
      var decoder = PictureDecoder(limits: .default, arena: arena)
      try LateMetadataTests.append((png + [UInt8](repeating: 0x78, count: 1000))[...], to: &decoder)
      try decoder.finish().dispose()
    }
  }

  @Test("Sizes that are too large are refused at the header of a PNG or JPEG, before the data that follows it")
  func sizes() throws {
    try withOwnArena { arena in
      let png = PNGWriter(width: 60_000, height: 60_000, colorType: .rgba, rows: []).encoded()
      try Self.expectRefusal(Array(png[..<33]), "pixelCount", needed: 3_600_000_000, arena: arena)
      var jpeg = try JPEGDecodingTests.drawnJPEG(width: 16, height: 16, arena: arena)
      let frame = try #require((0..<jpeg.count - 1).first { jpeg[$0] == 0xFF && jpeg[$0 + 1] == 0xC0 })
      jpeg.replaceSubrange(frame + 5..<frame + 9, with: [0xEA, 0x60, 0xEA, 0x60])
      let head = Array(jpeg[..<(frame + 2 + 17)])
      try Self.expectRefusal(head, "pixelCount", needed: 3_600_000_000, arena: arena)
    }
  }

  @Test(
    "JPEG segments whose sum is too long, and WebP chunks, are refused when more has arrived than allowed")
  func segments() throws {
    try withOwnArena { arena in
      var limits = DecodingLimits()
      limits.embeddedByteCount = 100_000
      limits.colorProfileByteCount = 1000
      let segment: [UInt8] = [0xFF, 0xEE, 0xFF, 0xFF]
      let jpeg = [0xFF, 0xD8] + segment + [UInt8](repeating: 0, count: 65_533) + segment
      try Self.expectRefusal(
        jpeg + [UInt8](repeating: 0, count: 100_001 - 65_535 - 2), "embeddedByteCount", needed: 131_070,
        limits: limits, arena: arena)
      let lead = Array("RIFF".utf8) + Self.number(100_000_000, isLittle: true) + Array("WEBPVP8X".utf8)
      let start = lead + [10, 0, 0, 0, 0x28, 0, 0, 0, 9, 0, 0, 9, 0, 0]
      let profile = start + Array("ICCP".utf8) + Self.number(5_000_000, isLittle: true)
      try Self.expectRefusal(
        profile + [UInt8](repeating: 0, count: 1001), "colorProfileByteCount", needed: 5_000_000, limits: limits,
        arena: arena)
      limits.embeddedByteCount = 1000
      let exif = start + Array("EXIF".utf8) + Self.number(62_000_000, isLittle: true)
      try Self.expectRefusal(
        exif + [UInt8](repeating: 0, count: 1001), "embeddedByteCount", needed: 62_000_000, limits: limits, arena: arena
      )
    }
  }
}
