// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
import Glibc
public import NativeBuffers

extension Bitmap {
  /// A copy blurred by a Gaussian of standard deviation `sigma`, in pixels.
  ///
  /// The Gaussian reaches three sigma to each side, and its weights are scaled so that their sum is 1. Outside of the
  /// picture, the pixels at the border are repeated. Each colour counts in proportion to its alpha, so that transparent
  /// pixels do not change the colours beside them. If a pixel becomes wholly transparent, all its channels are 0.
  ///
  /// A channel of 8 bits differs from the exact result by at most 1, a channel of 16 bits by at most 2, and a float by
  /// at most 0.00001.
  ///
  /// The time is proportional to pixels times sigma. Scratch memory: 4 bytes per channel of a row that is six sigma
  /// longer.
  ///
  /// - Throws: `invalidArgument` if `sigma` is not above 0, or is above 1,000; `outOfMemory` if there is no memory for
  ///   the copy or for scratch memory; `pixelsUnavailable` if this bitmap was disposed or is being written; `cancelled`
  ///   if the calling task is cancelled.
  public func blurred(
    sigma: Double, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    guard sigma > 0, sigma <= 1000 else {
      throw BitmapError(.invalidArgument, "a sigma of \(sigma) pixels cannot be; give more than 0 and at most 1000.")
    }
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    var pace = WorkPace(WorkDeadline())
    let layout = BlurLayout(self, radius: Int((3 * sigma).rounded(.up)))
    return try unsafe filtered(scratch: layout.scratch, for: "blurring", context: context) {
      source, target, scratch throws(BitmapError) in
      let pass = unsafe BlurPass(layout, sigma: sigma, scratch: scratch, source: kernelSource(source), format: format)
      for y in 0..<height { try unsafe pass.blurRow(y, into: target[y], &pace) }
    }
  }
}

/// The scratch memory of a blur.
private struct BlurLayout {
  private(set) var scratch = ScratchLayout()
  let radius: Int
  let weights: ScratchLayout.Part<Float>
  /// One row, with repeated pixels on both sides.
  let sums: ScratchLayout.Part<Float>
  /// A row before it is stored; nil if the byte kernels store rows themselves.
  let blurred: ScratchLayout.Part<Float>?

  init(_ bitmap: Bitmap, radius: Int) {
    self.radius = radius
    weights = scratch.add(Float.self, count: radius + 1)
    sums = scratch.add(Float.self, count: (bitmap.width + 2 * radius) * bitmap.format.channelCount)
    // Premultiplied colour needs no weighting with alpha, and weights that are not negative keep it below alpha.
    let isForBytes =
      bitmap.format.hasByteKernels || bitmap.format.isPremultiplied && bitmap.format.channel == .uint8
    blurred = isForBytes ? nil : scratch.add(Float.self, count: bitmap.width * bitmap.format.channelCount)
  }
}

/// Blurs a picture row by row.
// SAFETY: the pointers lead into the scratch memory and the source, and are used only inside the closure that lent
// both.
@safe
private struct BlurPass {
  let radius: Int
  let source: cpixel_source
  let isOpaque: Bool
  let weights: UnsafeMutablePointer<Float>
  let sums: UnsafeMutablePointer<Float>
  /// Nil if the byte kernels store rows.
  let blurred: UnsafeMutablePointer<Float>?
  let samples: cpixel_samples
  let bytesPerPixel: Int

  init(
    _ layout: BlurLayout, sigma: Double, scratch: UnsafeMutableRawPointer, source: cpixel_source, format: PixelFormat
  ) {
    radius = layout.radius
    unsafe self.source = unsafe source
    samples = format.samples
    bytesPerPixel = format.bytesPerPixel
    var isOpaque = true
    if layout.blurred == nil, !format.isPremultiplied { unsafe cpixel_find_opacity(source, &isOpaque) }
    self.isOpaque = isOpaque
    unsafe weights = layout.weights.zeroed(in: scratch)
    unsafe sums = layout.sums.zeroed(in: scratch)
    unsafe blurred = layout.blurred?.zeroed(in: scratch)
    // The division comes before the square: the square of a tiny sigma is 0, and the middle of the curve would be 0 /
    // 0.
    func height(_ distance: Int) -> Double {
      let ratio = Double(distance) / sigma
      return exp(-ratio * ratio / 2)
    }
    let total = (1...layout.radius).reduce(height(0)) { $0 + 2 * height($1) }
    for k in 0...layout.radius { unsafe weights[k] = Float(height(k) / total) }
  }

  func blurRow(_ y: Int, into target: UnsafeMutablePointer<UInt8>, _ pace: inout WorkPace) throws(BitmapError) {
    let channels = unsafe source.channels
    let row = unsafe sums + radius * channels
    try forParts(&pace) { start, count in
      if unsafe blurred == nil {
        var part = unsafe source
        unsafe part.base += start * channels
        unsafe part.width = count
        unsafe cpixel_blur_rows(part, isOpaque, y, radius, weights, row + start * channels)
      } else {
        unsafe addRows(around: y, from: start, count: count, to: row + start * channels)
      }
    }
    let end = unsafe row + source.width * channels
    for i in 0..<radius * channels {
      unsafe sums[i] = row[i % channels]
      unsafe end[i] = (end - channels)[i % channels]
    }
    try forParts(&pace) { start, count in
      let first = unsafe sums + start * channels
      if let blurred = unsafe blurred {
        unsafe cpixel_blur_floats(first, channels, radius, weights, count, blurred + start * channels)
      } else {
        unsafe cpixel_blur_columns(
          first, channels, isOpaque, radius, weights, count, target + start * channels)
      }
    }
    if let blurred = unsafe blurred { unsafe cpixel_store_row(blurred, samples, source.width, target) }
  }

  /// Calls `body` for parts of a row, with the first pixel and the number of pixels, so that no part takes long. Parts
  /// start where the kernels' vectors start, so the result is the same as for the whole row.
  private func forParts(
    _ pace: inout WorkPace, _ body: (_ start: Int, _ count: Int) -> Void
  ) throws(BitmapError) {
    let work = unsafe (2 * radius + 1) * source.channels
    let length = pace.elementCount(costing: work, step: 96)
    for start in unsafe stride(from: 0, to: source.width, by: length) {
      let count = unsafe min(length, source.width - start)
      try pace.spend(count * work)
      body(start, count)
    }
  }

  /// Like `cpixel_blur_rows`, for samples of any kind.
  private func addRows(around y: Int, from start: Int, count: Int, to row: UnsafeMutablePointer<Float>) {
    unsafe row.update(repeating: 0, count: count * source.channels)
    let part = unsafe source.base + start * bytesPerPixel
    for k in -radius...radius {
      let other = unsafe part + min(max(y + k, 0), source.height - 1) * source.bytes_per_row
      unsafe cpixel_add_row(other, samples, weights[abs(k)], count, row)
    }
  }
}
