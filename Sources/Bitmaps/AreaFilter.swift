/// The exact box filter, separably: rows first into one row of sums, then that row into pixels.
///
/// Weights are integers. On an axis of `source` pixels that become `target` pixels, cut every source pixel into `target`
/// parts; then every target pixel covers exactly `source` parts, and no fraction is ever rounded.
struct AreaFilter {
  let horizontal: AreaAxis
  let vertical: AreaAxis
  let format: PixelFormat

  init(from source: Bitmap, to target: Bitmap) {
    horizontal = AreaAxis(source: source.width, target: target.width)
    vertical = AreaAxis(source: source.height, target: target.height)
    format = source.format
  }

  /// `sums` holds a float for every channel of a source row.
  func run(_ source: UnsafeRows, _ target: UnsafeMutableRows, sums: UnsafeMutableBufferPointer<Float>) {
    for y in 0..<vertical.target {
      let span = vertical.span(of: y)
      for index in span.first...span.last {
        let weight = vertical.share(of: index, in: span)
        let isFirst = index == span.first
        if format.hasAlpha {
          unsafe addPremultipliedRow(source[index], weight: weight, to: sums, isFirst: isFirst)
        } else {
          unsafe addRow(source[index], weight: weight, to: sums, isFirst: isFirst)
        }
      }
      switch format.kind {
      case .gray8: unsafe averageGray(sums, into: target[y])
      case .rgb8: unsafe averageRGB(sums, into: target[y])
      case .rgba8: unsafe averagePremultiplied(sums, into: target[y])
      }
    }
  }

  // ---- Rows into sums: the part that touches every source pixel. Plain loops, which the compiler vectorises. ----

  private func addRow(
    _ row: UnsafePointer<UInt8>, weight: Float, to sums: UnsafeMutableBufferPointer<Float>, isFirst: Bool
  ) {
    guard let sums = sums.baseAddress else { return }
    let count = horizontal.source * format.channelCount
    if isFirst {
      for i in 0..<count { unsafe sums[i] = Float(row[i]) * weight }
    } else {
      for i in 0..<count { unsafe sums[i] += Float(row[i]) * weight }
    }
  }

  private func addPremultipliedRow(
    _ row: UnsafePointer<UInt8>, weight: Float, to sums: UnsafeMutableBufferPointer<Float>, isFirst: Bool
  ) {
    // SAFETY: four floats at a time of a buffer that is aligned to 64 bytes and holds four for each pixel.
    let sums = unsafe UnsafeMutableRawPointer(sums.baseAddress)?.assumingMemoryBound(to: SIMD4<Float>.self)
    guard let sums = unsafe sums else { return }
    for x in 0..<horizontal.source {
      let pixel = unsafe SIMD4<Float>(
        Float(row[4 * x]), Float(row[4 * x + 1]), Float(row[4 * x + 2]), Float(row[4 * x + 3]))
      var weighted = pixel * (pixel.w * weight)
      weighted.w = pixel.w * weight
      unsafe sums[x] = isFirst ? weighted : sums[x] + weighted
    }
  }

  // ---- Sums into pixels ----

  private func averageGray(_ sums: UnsafeMutableBufferPointer<Float>, into target: UnsafeMutablePointer<UInt8>) {
    guard let sums = sums.baseAddress else { return }
    for x in 0..<horizontal.target {
      let span = horizontal.span(of: x)
      var value = unsafe sums[span.first] * horizontal.share(of: span.first, in: span)
      if span.last > span.first {
        var inner: Float = 0
        for i in span.first + 1..<span.last { inner += unsafe sums[i] }
        value += unsafe inner * horizontal.innerShare + sums[span.last] * horizontal.share(of: span.last, in: span)
      }
      unsafe target[x] = Self.rounded(value)
    }
  }

  private func averageRGB(_ sums: UnsafeMutableBufferPointer<Float>, into target: UnsafeMutablePointer<UInt8>) {
    guard let sums = sums.baseAddress else { return }
    func pixel(_ i: Int) -> SIMD3<Float> { unsafe SIMD3(sums[3 * i], sums[3 * i + 1], sums[3 * i + 2]) }
    for x in 0..<horizontal.target {
      let span = horizontal.span(of: x)
      var value = pixel(span.first) * horizontal.share(of: span.first, in: span)
      if span.last > span.first {
        var inner = SIMD3<Float>()
        for i in span.first + 1..<span.last { inner += pixel(i) }
        value += inner * horizontal.innerShare + pixel(span.last) * horizontal.share(of: span.last, in: span)
      }
      for channel in 0..<3 { unsafe target[3 * x + channel] = Self.rounded(value[channel]) }
    }
  }

  private func averagePremultiplied(
    _ sums: UnsafeMutableBufferPointer<Float>, into target: UnsafeMutablePointer<UInt8>
  ) {
    // SAFETY: as in addPremultipliedRow.
    let sums = unsafe UnsafeMutableRawPointer(sums.baseAddress)?.assumingMemoryBound(to: SIMD4<Float>.self)
    guard let sums = unsafe sums else { return }
    for x in 0..<horizontal.target {
      let span = horizontal.span(of: x)
      var value = unsafe sums[span.first] * horizontal.share(of: span.first, in: span)
      if span.last > span.first {
        var inner = SIMD4<Float>()
        for i in span.first + 1..<span.last { inner += unsafe sums[i] }
        value += unsafe inner * horizontal.innerShare + sums[span.last] * horizontal.share(of: span.last, in: span)
      }
      // Where all is transparent there is no colour to keep.
      let scale = value.w > 0 ? 1 / value.w : 0
      for channel in 0..<3 { unsafe target[4 * x + channel] = Self.rounded(value[channel] * scale) }
      unsafe target[4 * x + 3] = Self.rounded(value.w)
    }
  }

  private static func rounded(_ value: Float) -> UInt8 {
    // Sums of floats can end a hair beyond 255, never below 0.
    UInt8(min(value + 0.5, 255))
  }
}

/// Which source pixels a target pixel covers on one axis, and how much of each.
struct AreaAxis {
  let source: Int
  let target: Int
  /// The share of a source pixel that lies wholly inside.
  let innerShare: Float

  init(source: Int, target: Int) {
    self.source = source
    self.target = target
    innerShare = Float(target) / Float(source)
  }

  struct Span {
    /// In parts of a source pixel, see ``AreaFilter``.
    let start: Int
    let end: Int
    let first: Int
    let last: Int
  }

  func span(of index: Int) -> Span {
    let start = index * source
    let end = start + source
    return Span(start: start, end: end, first: start / target, last: (end - 1) / target)
  }

  /// How much the source pixel `index` counts in the average: all shares of a span add up to 1.
  func share(of index: Int, in span: Span) -> Float {
    let parts = min((index + 1) * target, span.end) - max(index * target, span.start)
    return Float(parts) / Float(source)
  }
}
