import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A copy with another picture laid over it: Porter and Duff's "over" ("Compositing Digital Images", 1984).
  ///
  /// What of the other picture lies beyond this one's borders is cut off; where it does not lie, pixels stay exactly as
  /// they are. It may be of another format: it is converted first, to this one's depth and colours, its alpha kept.
  /// Results are within 1 of 255 of the exact ones, of 16 bits within 2 of 65,535, of floats of 0 to 1 within 0.00001. A
  /// pixel that comes out wholly transparent is all zeros.
  ///
  /// Costs a copy, a pass over the pixels that lie over each other, and scratch memory: 4 bytes per channel of a row of
  /// both.
  ///
  /// - Parameters:
  ///   - overlay: What is laid on top.
  ///   - x: Where its left border comes to lie in this picture, in pixels; may be negative.
  ///   - y: Where its upper border comes to lie.
  ///   - opacity: What its alpha is multiplied by, 0 to 1.
  /// - Throws: `invalidArgument` where `opacity` is not within 0 and 1; `outOfMemory`, `pixelsUnavailable`, `cancelled`.
  public func composited(
    with overlay: Bitmap, atX x: Int = 0, y: Int = 0, opacity: Double = 1, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    let result = try copied(origin: origin)
    do throws(BitmapError) {
      try result.lay(overlay, atX: x, y: y, opacity: opacity, origin: origin)
      return result
    } catch {
      origin.dispose(result)
      throw error
    }
  }

  /// Lays another picture over this one, as ``composited(with:atX:y:opacity:arena:file:line:function:)`` does, without a
  /// copy unless the pixels are shared: see ``Bitmap``. Where this throws, a part of the rows may be done.
  public mutating func composite(
    with overlay: Bitmap, atX x: Int = 0, y: Int = 0, opacity: Double = 1,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: pixels.arena, file: file, line: line, function: function)
    try makeUnique(file: file, line: line, function: function)
    try lay(overlay, atX: x, y: y, opacity: opacity, origin: origin)
  }

  /// Writes to the pixels without a copy.
  private func lay(
    _ overlay: Bitmap, atX x: Int, y: Int, opacity: Double, origin: Origin
  ) throws(BitmapError) {
    guard opacity >= 0, opacity <= 1 else {
      throw BitmapError(.invalidArgument, "an opacity of \(opacity) cannot be; give 0 to 1.")
    }
    guard let overlap = Overlap(of: overlay, atX: x, y: y, on: self) else { return }
    try overlay.withFormat(composableWith: format, origin: origin) { overlay throws(BitmapError) in
      try lay(overlay, overlap, opacity: opacity, origin: origin)
    }
  }

  /// As above; `overlay` can be laid on as it is.
  private func lay(
    _ overlay: Bitmap, _ overlap: Overlap, opacity: Double, origin: Origin
  ) throws(BitmapError) {
    let watch = WorkWatch()
    var layout = ScratchLayout()
    let under = layout.add(Float.self, count: overlap.width * format.channelCount)
    let over = layout.add(Float.self, count: overlap.width * overlay.format.channelCount)
    try unsafe origin.withScratch(byteCount: layout.byteCount, for: "compositing") { scratch throws(BitmapError) in
      let under = unsafe under.zeroed(in: scratch)
      let over = unsafe over.zeroed(in: scratch)
      try unsafe overlay.withUnsafeRows(to: self) { top, bottom throws(BitmapError) in
        for y in 0..<overlap.height {
          try watch.check(row: y)
          // SAFETY: the overlap lies within both pictures.
          let source = unsafe top[overlap.top + y] + overlap.left * overlay.format.bytesPerPixel
          let target = unsafe bottom[overlap.y + y] + overlap.x * format.bytesPerPixel
          unsafe cpixel_load_row(source, overlay.format.samples, overlap.width, over)
          unsafe cpixel_load_row(target, format.samples, overlap.width, under)
          unsafe cpixel_lay_over(
            under, format.channelCount, over, overlay.format.channelCount, Float(opacity), Float(format.fullValue),
            overlap.width)
          unsafe cpixel_store_row(under, format.samples, overlap.width, target)
        }
      }
    }
  }

  /// Calls `body` with this picture in a format that can be laid on one of `format`: itself where it has one.
  private func withFormat(
    composableWith format: PixelFormat, origin: Origin, _ body: (Bitmap) throws(BitmapError) -> Void
  ) throws(BitmapError) {
    guard let target = self.format.converted(toLieOn: format) else { return try body(self) }
    let converted = try converted(to: target, origin: origin)
    defer { origin.dispose(converted) }
    try body(converted)
  }
}

extension PixelFormat {
  /// What a picture of this format is converted to before it is laid on one of another; nil where it can be laid on as
  /// it is, for which depth and order of colours must be the same.
  func converted(toLieOn bottom: PixelFormat) -> PixelFormat? {
    let isTurned = !isGray && isBlueFirst != bottom.isBlueFirst
    guard channel != bottom.channel || isTurned else { return nil }
    switch bottom.channel {
    case .uint8:
      let straight: PixelFormat = bottom.isBlueFirst ? .bgra8 : .rgba8
      return isPremultiplied ? straight.premultiplied : straight
    case .uint16: return .rgba16
    case .float32: return .rgbaF32
    }
  }

  private var isBlueFirst: Bool { straight == .bgra8 }
}

/// The part of two pictures where they lie over each other.
private struct Overlap {
  /// Of the lower picture, in pixels.
  let x: Int
  let y: Int
  /// Of the upper one.
  let left: Int
  let top: Int
  let width: Int
  let height: Int

  /// Nil where they do not meet.
  init?(of overlay: Bitmap, atX x: Int, y: Int, on bitmap: Bitmap) {
    guard let columns = Self.range(overlay.width, at: x, in: bitmap.width),
      let rows = Self.range(overlay.height, at: y, in: bitmap.height)
    else { return nil }
    self.x = columns.lowerBound
    self.y = rows.lowerBound
    left = columns.lowerBound - x
    top = rows.lowerBound - y
    width = columns.count
    height = rows.count
  }

  /// Any position is possible, as far away as numbers go.
  private static func range(_ count: Int, at position: Int, in limit: Int) -> Range<Int>? {
    guard position < limit, position > -count else { return nil }
    return max(0, position)..<(position > limit - count ? limit : position + count)
  }
}
