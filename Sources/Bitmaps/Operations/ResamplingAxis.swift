// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// Which source pixels make each target pixel on one axis, and how much each source pixel counts.
///
/// It is made once per axis, because it takes divisions and sines, which would cost more than the sums themselves.
// SAFETY: the pointers lead into scratch memory that the caller of the initialiser lends. The caller keeps the value
// inside the closure that lent it. The initialiser writes all spans and weights.
@safe
struct ResamplingAxis {
  let spans: UnsafeMutablePointer<cpixel_span>
  let weights: UnsafeMutablePointer<Float>
  private let target: Int
  private let isLong: Bool

  /// The work of a share, which is a division, and of a weight, which is up to four sines: see ``WorkPace``.
  private static let (shareWork, weightWork) = (16, 128)

  /// The greatest number of pixels that are added up one by one.
  static let blockLength = 256

  /// The sizes of an axis, and the place of its arrays in scratch memory.
  struct Layout {
    let source: Int
    let target: Int
    let filter: ResizeFilter
    /// The greatest number of source pixels that make a target pixel.
    let tapLimit: Int
    /// The number of floats from a target pixel's first weight to that of the next target pixel: a multiple of 4, see
    /// `cpixel_span`.
    let weightStride: Int
    let spans: ScratchLayout.Part<cpixel_span>
    let weights: ScratchLayout.Part<Float>

    init(source: Int, target: Int, filter: ResizeFilter, in scratch: inout ScratchLayout) {
      self.source = source
      self.target = target
      self.filter = filter
      let reach = filter.radius * max(1, Double(source) / Double(target))
      tapLimit = min(2 * Int(reach.rounded(.up)) + 1, source)
      weightStride = (tapLimit + 1 + 3) / 4 * 4
      spans = scratch.add(cpixel_span.self, count: target)
      weights = scratch.add(Float.self, count: target * weightStride)
    }

    /// Whether so many pixels make one that the rounding errors of their sum would accumulate. Then they are added in
    /// blocks.
    var isLong: Bool { tapLimit > ResamplingAxis.blockLength }

    /// The work of one row, per channel: see ``WorkPace``.
    var work: Int { target * weightStride }
  }

  init(_ layout: Layout, in scratch: UnsafeMutableRawPointer, pace: inout WorkPace) throws(BitmapError) {
    unsafe spans = layout.spans.uninitialized(in: scratch)
    unsafe weights = layout.weights.uninitialized(in: scratch)
    target = layout.target
    isLong = layout.isLong
    for index in 0..<layout.target {
      let offset = index * layout.weightStride
      let own = unsafe UnsafeMutableBufferPointer(start: weights + offset, count: layout.weightStride)
      unsafe own.initialize(repeating: 0)
      let range =
        layout.filter == .area
        ? try unsafe Self.fillShares(of: index, layout, own, &pace)
        : try unsafe Self.fillWeights(of: index, layout, own, &pace)
      unsafe spans[index] = cpixel_span(first: UInt32(range.lowerBound), count: UInt32(range.count), weights: offset)
    }
  }

  /// Resamples a row of floats to the target's width, with the C kernel that fits.
  func blend(_ row: UnsafePointer<Float>, channels: Int, into blended: UnsafeMutablePointer<Float>) {
    if isLong {
      unsafe cpixel_blend_long_floats(row, channels, spans, weights, target, blended)
    } else {
      unsafe cpixel_blend_floats(row, channels, spans, weights, target, blended)
    }
  }

  /// The computation is in integers. Cut every source pixel into `target` parts: then every target pixel covers exactly
  /// `source` parts, and no fraction is rounded.
  private static func fillShares(
    of index: Int, _ layout: Layout, _ weights: UnsafeMutableBufferPointer<Float>, _ pace: inout WorkPace
  ) throws(BitmapError) -> Range<Int> {
    let (source, target) = (layout.source, layout.target)
    let start = index * source
    let end = start + source
    let range = start / target..<(end - 1) / target + 1
    for i in range {
      try pace.spend(shareWork)
      let parts = min(end, (i + 1) * target) - max(start, i * target)
      unsafe weights[i - range.lowerBound] = Float(parts) / Float(source)
    }
    return range
  }

  /// Weights beyond the border are left out, and the other weights are scaled so that they add up to 1.
  private static func fillWeights(
    of index: Int, _ layout: Layout, _ weights: UnsafeMutableBufferPointer<Float>, _ pace: inout WorkPace
  ) throws(BitmapError) -> Range<Int> {
    let scale = Double(layout.source) / Double(layout.target)
    let stretch = max(1, scale)
    let center = (Double(index) + 0.5) * scale
    let reach = layout.filter.radius * stretch
    // Pixels whose centres are within reach.
    let first = max(0, Int((center - reach - 0.5).rounded(.up)))
    let last = min(layout.source - 1, Int((center + reach - 0.5).rounded(.down)))
    var sum = 0.0
    for i in first...last { sum += layout.filter.weight(at: (Double(i) + 0.5 - center) / stretch) }
    for i in first...last {
      try pace.spend(weightWork)
      let weight = layout.filter.weight(at: (Double(i) + 0.5 - center) / stretch)
      unsafe weights[i - first] = Float(weight / sum)
    }
    return first..<last + 1
  }
}
