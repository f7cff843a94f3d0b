// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A copy with another picture laid over it, by Porter and Duff's "over" ("Compositing Digital Images", 1984).
  ///
  /// The part of the other picture that lies beyond this one's borders is cut off. Pixels that the other picture does
  /// not cover stay exactly as they are. If the other picture has another depth or order of colours, it is converted
  /// first, and its alpha is kept. Results are within 1 of 255 of the exact ones, within 2 of 65,535 for 16 bits, and
  /// within 0.00001 for floats of 0 to 1. A pixel that becomes wholly transparent is all zeros.
  ///
  /// Costs a copy, a pass over the pixels that overlap, and scratch memory: 4 bytes per channel of an overlapping row
  /// of both pictures.
  ///
  /// - Parameters:
  ///   - overlay: The picture that is laid on top.
  ///   - x: Where the overlay's left border lies in this picture, in pixels. May be negative.
  ///   - y: Where the overlay's upper border lies in this picture, in pixels. May be negative.
  ///   - opacity: The factor for the overlay's alpha, 0 to 1.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `invalidArgument` if `opacity` is not within 0 and 1; `outOfMemory` if there is no memory for the copy
  ///   or for scratch memory; `pixelsUnavailable` if a bitmap was disposed or is being written; `cancelled` if the
  ///   calling task is cancelled.
  public func composited(
    with overlay: Bitmap, atX x: Int = 0, y: Int = 0, opacity: Double = 1, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let result = try copied(context: context)
    do throws(BitmapError) {
      try result.lay(overlay, atX: x, y: y, opacity: opacity, context: context)
      return result
    } catch {
      context.dispose(result)
      throw error
    }
  }

  /// Lays another picture over this one, like ``composited(with:atX:y:opacity:arena:file:line:function:)``, but without
  /// a copy unless the pixels are shared: see ``Bitmap``. If this throws, a part of the rows may be changed already.
  public mutating func composite(
    with overlay: Bitmap, atX x: Int = 0, y: Int = 0, opacity: Double = 1,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: pixels.arena, file: file, line: line, function: function)
    try makeUnique(file: file, line: line, function: function)
    try lay(overlay, atX: x, y: y, opacity: opacity, context: context)
  }

  /// Lays the overlay over these pixels, without a copy of them.
  private func lay(
    _ overlay: Bitmap, atX x: Int, y: Int, opacity: Double, context: AllocationContext
  ) throws(BitmapError) {
    guard opacity >= 0, opacity <= 1 else {
      throw BitmapError(.invalidArgument, "an opacity of \(opacity) cannot be; give 0 to 1.")
    }
    guard let overlap = Overlap(of: overlay, atX: x, y: y, on: self) else { return }
    try overlay.withFormat(composableWith: format, context: context) { overlay throws(BitmapError) in
      try lay(overlay, overlap, opacity: opacity, context: context)
    }
  }

  /// The same for an `overlay` that needs no conversion.
  private func lay(
    _ overlay: Bitmap, _ overlap: Overlap, opacity: Double, context: AllocationContext
  ) throws(BitmapError) {
    let deadline = WorkDeadline()
    var layout = ScratchLayout()
    let under = layout.add(Float.self, count: overlap.width * format.channelCount)
    let over = layout.add(Float.self, count: overlap.width * overlay.format.channelCount)
    try unsafe context.withScratch(byteCount: layout.byteCount, for: "compositing") { scratch throws(BitmapError) in
      let under = unsafe under.zeroed(in: scratch)
      let over = unsafe over.zeroed(in: scratch)
      try unsafe overlay.withUnsafeRows(to: self) { top, bottom throws(BitmapError) in
        for y in 0..<overlap.height {
          try deadline.check(row: y)
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

  /// Calls `body` with this picture in a format that can be laid on a picture of `format`. Converts it only if
  /// necessary.
  private func withFormat(
    composableWith format: PixelFormat, context: AllocationContext, _ body: (Bitmap) throws(BitmapError) -> Void
  ) throws(BitmapError) {
    guard let target = self.format.converted(toLieOn: format) else { return try body(self) }
    let converted = try converted(to: target, context: context)
    defer { context.dispose(converted) }
    try body(converted)
  }
}

extension PixelFormat {
  /// The format that a picture of this format is converted to before it is laid on a picture of format `bottom`. Nil if
  /// it needs no conversion, which is so if depth and order of colours are the same.
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

/// The part in which two pictures overlap.
private struct Overlap {
  /// The position in the lower picture, in pixels.
  let x: Int
  let y: Int
  /// The position in the upper picture, in pixels.
  let left: Int
  let top: Int
  let width: Int
  let height: Int

  /// Nil if the pictures do not overlap.
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

  /// `position` may be any number: nothing overflows.
  private static func range(_ count: Int, at position: Int, in limit: Int) -> Range<Int>? {
    guard position < limit, position > -count else { return nil }
    return max(0, position)..<(position > limit - count ? limit : position + count)
  }
}
