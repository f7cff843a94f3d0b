import Bitmaps
import NativeBuffers
import Testing

@Suite("Downscaling")
struct DownscalingTests {
  /// The definition, in plain doubles: the integral over the area, colours weighted with alpha.
  static func reference(_ pixels: [UInt8], _ width: Int, _ height: Int, _ format: PixelFormat, to size: (Int, Int))
    -> [UInt8]
  {
    let channels = format.channelCount
    var result: [UInt8] = []
    func overlaps(_ index: Int, _ source: Int, _ target: Int) -> [(Int, Double)] {
      let scale = Double(source) / Double(target)
      let (start, end) = (Double(index) * scale, Double(index + 1) * scale)
      return (0..<source).compactMap { i in
        let share = min(end, Double(i + 1)) - max(start, Double(i))
        return share > 1e-9 ? (i, share / scale) : nil
      }
    }
    let columns = (0..<size.0).map { overlaps($0, width, size.0) }
    for y in 0..<size.1 {
      let rows = overlaps(y, height, size.1)
      for column in columns {
        var sum = [Double](repeating: 0, count: channels)
        for (sourceY, shareY) in rows {
          for (sourceX, shareX) in column {
            let base = (sourceY * width + sourceX) * channels
            let weight = shareX * shareY
            let alpha = format.hasAlpha ? Double(pixels[base + 3]) : 1
            for channel in 0..<channels {
              sum[channel] += weight * (channel == 3 ? alpha : alpha * Double(pixels[base + channel]))
            }
          }
        }
        if format.hasAlpha, sum[3] > 0 {
          for channel in 0..<3 { sum[channel] /= sum[3] }
        }
        result += sum.map { UInt8(min(255, ($0).rounded())) }
      }
    }
    return result
  }

  @Test("Every size and format is within 1 of the definition", arguments: [PixelFormat.gray8, .rgb8, .rgba8])
  func againstReference(format: PixelFormat) throws {
    try withOwnArena { arena in
      var generator = SeededGenerator(state: 7)
      let (width, height) = (53, 37)
      let source = try Bitmap.make(width: width, height: height, format: format, arena: arena) { _ in
        // Often an extreme: that is where rounding shows.
        [0, 255, UInt8.random(in: 0...255, using: &generator)].randomElement(using: &generator) ?? 0
      }
      defer { source.dispose() }
      let pixels = try source.packed()
      for size in [
        (52, 36), (40, 37), (53, 9), (27, 19), (26, 18), (17, 5), (3, 2), (1, 37), (53, 1), (1, 1),
      ] {
        let actual = try source.downscaled(toWidth: size.0, height: size.1, arena: arena).takePacked()
        let expected = Self.reference(pixels, width, height, format, to: size)
        #expect(maximumDifference(actual, expected) <= 1, "\(format) to \(size)")
      }
    }
  }

  @Test("In the same size the copy is exact, down to colours that nobody sees")
  func copy() throws {
    try withOwnArena { arena in
      let source = try Bitmap.make(width: 9, height: 5, format: .rgba8, arena: arena) { $0 % 4 == 3 ? 0 : UInt8($0) }
      defer { source.dispose() }
      let copy = try source.downscaled(toWidth: 9, height: 5, arena: arena)
      #expect(copy.pixels !== source.pixels)
      #expect(try copy.takePacked() == source.packed())
    }
  }

  @Test("A photo is within 1 of the definition", .enabled(if: Corpus.isPresent, Corpus.absence))
  func photo() throws {
    try withOwnArena { arena in
      let source = try Bitmap(
        decodingFileAt: Corpus.path("derived/chelsea_alpha_odd301x199.png"), arena: arena)
      defer { source.dispose() }
      let actual = try source.downscaled(toWidth: 64, height: 42, arena: arena).takePacked()
      let expected = Self.reference(try source.packed(), 301, 199, source.format, to: (64, 42))
      #expect(maximumDifference(actual, expected) <= 1)
    }
  }

  @Test("Of transparent pixels no colour bleeds into the average")
  func transparency() throws {
    try withOwnArena { arena in
      let pixels: [UInt8] = [255, 0, 0, 0, 0, 100, 0, 255, 255, 0, 0, 0, 0, 100, 0, 255]
      let source = try Bitmap.make(width: 4, height: 1, format: .rgba8, arena: arena) { pixels[$0] }
      defer { source.dispose() }
      let result = try source.downscaled(toWidth: 1, height: 1, arena: arena).takePacked()
      #expect(result == [0, 100, 0, 128])
    }
  }

  @Test("A flat picture stays exactly as it is", arguments: [0, 1, 127, 254, 255] as [UInt8])
  func flat(value: UInt8) throws {
    try withOwnArena { arena in
      let source = try Bitmap.make(width: 301, height: 203, format: .rgb8, arena: arena) { _ in value }
      defer { source.dispose() }
      let result = try source.downscaled(toWidth: 97, height: 41, arena: arena).takePacked()
      #expect(result.allSatisfy { $0 == value })
    }
  }

  @Test(
    "By width alone, proportions stay and nothing is enlarged",
    arguments: [
      (400, 300, 100, 100, 75), (1000, 1, 10, 10, 1), (5312, 2988, 256, 256, 144), (10, 30, 256, 10, 30),
      (3, 1000, 1, 1, 333),
    ])
  func proportions(width: Int, height: Int, newWidth: Int, expectedWidth: Int, expectedHeight: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: width, height: height, format: .gray8, arena: arena)
      defer { source.dispose() }
      let result = try source.downscaled(toWidth: newWidth, arena: arena)
      defer { result.dispose() }
      #expect(result.width == expectedWidth && result.height == expectedHeight)
    }
  }

  @Test("Sizes that make no sense are refused", arguments: [(0, 1), (1, 0), (-1, 1), (11, 1), (1, 11)])
  func nonsense(width: Int, height: Int) throws {
    try withOwnArena { arena in
      let source = try Bitmap(width: 10, height: 10, format: .rgb8, arena: arena)
      defer { source.dispose() }
      let error = try bitmapError {
        try source.downscaled(toWidth: width, height: height, arena: arena).dispose()
      }
      #expect(error.code == .invalidArgument)
    }
  }
}
