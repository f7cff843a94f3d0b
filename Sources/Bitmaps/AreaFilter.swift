/// The exact box filter, separably: rows first into one row of sums, then that row into pixels.
///
/// Weights are integers. On an axis of `source` pixels that become `target` pixels, cut every source pixel into `target`
/// parts; then every target pixel covers exactly `source` parts, and no fraction is ever rounded.
@safe
struct AreaFilter {
  // SAFETY: the pointers are private, and only the initialiser and `run` use them, inside the closure that lent them.
  let sourceWidth: Int
  let targetWidth: Int
  let format: PixelFormat
  let vertical: AreaAxis
  /// The share of a source pixel in the average when all of it is inside.
  let innerShare: Float
  /// One span per target column. Made once: finding a span takes divisions, which would cost more than the sums.
  private let columns: UnsafeMutablePointer<AreaSpan>
  /// A float per channel of a source row, and padding that only a vector load sees.
  private let sums: UnsafeMutablePointer<Float>

  /// `scratch` is aligned to 64 bytes, as large as ``AreaScratch`` says, and used for nothing else.
  init?(from source: Bitmap, to target: Bitmap, scratch: UnsafeMutableRawBufferPointer) {
    let parts = AreaScratch(from: source, to: target)
    guard let base = scratch.baseAddress, scratch.count >= parts.byteCount else { return nil }
    sourceWidth = source.width
    targetWidth = target.width
    format = source.format
    vertical = AreaAxis(source: source.height, target: target.height)
    let horizontal = AreaAxis(source: source.width, target: target.width)
    innerShare = horizontal.innerShare
    // SAFETY: two parts of the scratch memory that do not overlap, each aligned for what it holds.
    unsafe sums = base.bindMemory(to: Float.self, capacity: parts.sumCount)
    unsafe columns = (base + parts.sumsByteCount).bindMemory(to: AreaSpan.self, capacity: target.width)
    for x in 0..<target.width { unsafe columns[x] = horizontal.span(of: x) }
    unsafe sums.initialize(repeating: 0, count: parts.sumCount)
  }

  func run(_ source: UnsafeRows, _ target: UnsafeMutableRows) {
    for y in 0..<vertical.target {
      let span = vertical.span(of: y)
      for index in span.first...span.last {
        let weight = index == span.first ? span.firstShare : index == span.last ? span.lastShare : vertical.innerShare
        if format.hasAlpha {
          unsafe addPremultipliedRow(source[index], weight: weight, isFirst: index == span.first)
        } else {
          unsafe addRow(source[index], weight: weight, isFirst: index == span.first)
        }
      }
      switch format.kind {
      case .gray8: unsafe averageGray(into: target[y])
      case .rgb8: unsafe averageRGB(into: target[y])
      case .rgba8: unsafe averagePremultiplied(into: target[y])
      }
    }
  }

  // ---- Rows into sums: the part that touches every source pixel. Plain loops, which the compiler vectorises. ----

  private func addRow(_ row: UnsafePointer<UInt8>, weight: Float, isFirst: Bool) {
    let count = sourceWidth * format.channelCount
    let sums = unsafe sums
    if isFirst {
      for i in 0..<count { unsafe sums[i] = Float(row[i]) * weight }
    } else {
      for i in 0..<count { unsafe sums[i] += Float(row[i]) * weight }
    }
  }

  private func addPremultipliedRow(_ row: UnsafePointer<UInt8>, weight: Float, isFirst: Bool) {
    let sums = unsafe sums
    for x in 0..<sourceWidth {
      let pixel = unsafe SIMD4<Float>(
        Float(row[4 * x]), Float(row[4 * x + 1]), Float(row[4 * x + 2]), Float(row[4 * x + 3]))
      let alpha = pixel.w * weight
      let weighted = SIMD4(pixel.x, pixel.y, pixel.z, 1) * alpha
      unsafe Self.store(isFirst ? weighted : Self.load(sums + 4 * x) + weighted, sums + 4 * x)
    }
  }

  // ---- Sums into pixels ----

  private func averageGray(into target: UnsafeMutablePointer<UInt8>) {
    for x in 0..<targetWidth {
      let span = unsafe columns[x]
      var inner: Float = 0
      var i = span.first &+ 1
      while i < span.last {
        unsafe inner += sums[i]
        i &+= 1
      }
      let value = unsafe sums[span.first] * span.firstShare + sums[span.last] * span.lastShare + inner * innerShare
      unsafe target[x] = Self.rounded(value)
    }
  }

  private func averageRGB(into target: UnsafeMutablePointer<UInt8>) {
    for x in 0..<targetWidth {
      // The fourth lane is the next pixel's red, or padding, and is dropped.
      let value = unsafe average(columns[x], channelCount: 3)
      unsafe target[3 * x] = Self.rounded(value.x)
      unsafe target[3 * x + 1] = Self.rounded(value.y)
      unsafe target[3 * x + 2] = Self.rounded(value.z)
    }
  }

  private func averagePremultiplied(into target: UnsafeMutablePointer<UInt8>) {
    for x in 0..<targetWidth {
      let value = unsafe average(columns[x], channelCount: 4)
      // Where all is transparent there is no colour to keep.
      let color = value * (value.w > 0 ? 1 / value.w : 0)
      unsafe target[4 * x] = Self.rounded(color.x)
      unsafe target[4 * x + 1] = Self.rounded(color.y)
      unsafe target[4 * x + 2] = Self.rounded(color.z)
      unsafe target[4 * x + 3] = Self.rounded(value.w)
    }
  }

  @inline(__always)
  private func average(_ span: AreaSpan, channelCount: Int) -> SIMD4<Float> {
    var inner = SIMD4<Float>()
    var i = span.first &+ 1
    while i < span.last {
      unsafe inner += Self.load(sums + channelCount &* i)
      i &+= 1
    }
    let first = unsafe Self.load(sums + channelCount &* span.first) * span.firstShare
    let last = unsafe Self.load(sums + channelCount &* span.last) * span.lastShare
    return first + last + inner * innerShare
  }

  @inline(__always)
  private static func load(_ pointer: UnsafeMutablePointer<Float>) -> SIMD4<Float> {
    // SAFETY: four floats from here on are in the scratch memory, its padding included.
    unsafe UnsafeRawPointer(pointer).loadUnaligned(as: SIMD4<Float>.self)
  }

  @inline(__always)
  private static func store(_ value: SIMD4<Float>, _ pointer: UnsafeMutablePointer<Float>) {
    // SAFETY: as for load.
    unsafe UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: SIMD4<Float>.self)
  }

  /// To the nearest integer. A conversion would check for NaN, infinity and range, each time; averages of bytes are
  /// from 0 to a hair over 255. At 2^23 the last bit of a float is worth 1, so the sum has the integer in its low bits.
  @inline(__always)
  private static func rounded(_ value: Float) -> UInt8 {
    UInt8(truncatingIfNeeded: (value + 0x1p23).bitPattern)
  }
}

/// How the scratch memory of an ``AreaFilter`` is divided: sums first, then columns.
struct AreaScratch {
  /// Floats: one per channel of a source row, and four that the vector load of the last pixel may reach.
  let sumCount: Int
  /// Rounded up to 64, so that the columns are aligned too.
  let sumsByteCount: Int
  let byteCount: Int

  init(from source: Bitmap, to target: Bitmap) {
    sumCount = source.width * source.format.channelCount + 4
    sumsByteCount = (sumCount * MemoryLayout<Float>.stride + 63) / 64 * 64
    byteCount = sumsByteCount + target.width * MemoryLayout<AreaSpan>.stride
  }
}

/// Which source pixels a target pixel covers on one axis, and how much of each counts. All shares add up to 1.
struct AreaSpan {
  let first: Int
  let last: Int
  let firstShare: Float
  /// 0 where the first pixel is also the last.
  let lastShare: Float
}

/// The spans of one axis.
struct AreaAxis {
  let source: Int
  let target: Int
  /// The share of a source pixel that lies wholly inside a span.
  let innerShare: Float

  init(source: Int, target: Int) {
    self.source = source
    self.target = target
    innerShare = Float(target) / Float(source)
  }

  func span(of index: Int) -> AreaSpan {
    let start = index * source
    let end = start + source
    let first = start / target
    let last = (end - 1) / target
    let firstParts = min((first + 1) * target, end) - start
    let lastParts = last > first ? end - last * target : 0
    return AreaSpan(
      first: first, last: last, firstShare: Float(firstParts) / Float(source),
      lastShare: Float(lastParts) / Float(source)
    )
  }
}
