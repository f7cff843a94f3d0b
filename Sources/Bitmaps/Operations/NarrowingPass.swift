// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// Resizes in the opposite order of ``SummingPass``, for pictures that become narrower and taller. Each source row is
/// resampled to the target's width once, and target rows are made of these rows. In the usual order, there would be as
/// many rows of sums as target rows, each as wide as the source.
///
/// All computation is in floats, whatever the format is.
// SAFETY: the pointers lead into the scratch memory and the source, and are used only inside the closure that lent
// both.
@safe
struct NarrowingPass {
  let layout: ResamplingLayout
  let narrowed: ResamplingLayout.Narrowed
  let source: cpixel_source
  let samples: cpixel_samples
  let columns: ResamplingAxis
  let rows: ResamplingAxis
  /// A source row, as floats.
  let loaded: UnsafeMutablePointer<Float>
  /// A target row before it is stored.
  let blended: UnsafeMutablePointer<Float>
  /// The last source rows in the target's width. Row `y` is at index `y` modulo the number of rows.
  let ring: UnsafeMutablePointer<Float>

  init(
    _ layout: ResamplingLayout, _ narrowed: ResamplingLayout.Narrowed, blended: UnsafeMutablePointer<Float>,
    scratch: UnsafeMutableRawPointer, source: cpixel_source, samples: cpixel_samples, pace: inout WorkPace
  ) throws(BitmapError) {
    self.layout = layout
    self.narrowed = narrowed
    unsafe self.source = unsafe source
    self.samples = samples
    // Vectors reach behind the last sum, and the floats there must be finite.
    unsafe loaded = layout.sums.zeroed(in: scratch)
    unsafe self.blended = unsafe blended
    unsafe ring = narrowed.rows.uninitialized(in: scratch)
    columns = try unsafe ResamplingAxis(layout.horizontal, in: scratch, pace: &pace)
    rows = try unsafe ResamplingAxis(layout.vertical, in: scratch, pace: &pace)
  }

  func run(into target: UnsafeMutableRows, _ pace: inout WorkPace) throws(BitmapError) {
    let channels = samples.channels
    let width = layout.horizontal.target
    // The numbers that are added up are floats already, and colour is multiplied by alpha.
    let sums = cpixel_samples(depth: CPIXEL_FLOAT, alpha: CPIXEL_OPAQUE, channels: channels)
    var next = 0
    for y in 0..<layout.vertical.target {
      let span = unsafe rows.spans[y]
      let (first, count) = (Int(span.first), Int(span.count))
      // A span never begins or ends earlier than the span before it, so no row is needed again after it was
      // overwritten.
      while next < first + count {
        try unsafe pace.spend(source.width * channels + layout.horizontal.work * channels)
        let row = unsafe source.base + next * source.bytes_per_row
        unsafe cpixel_load_row(row, samples, source.width, loaded)
        unsafe columns.blend(loaded, channels: channels, into: slot(next))
        next += 1
      }
      unsafe blended.update(repeating: 0, count: width * channels)
      for k in 0..<count {
        try pace.spend(width * channels)
        unsafe cpixel_add_row(slot(first + k), sums, rows.weights[span.weights + k], width, blended)
      }
      unsafe cpixel_store_row(blended, samples, width, target[y])
    }
  }

  private func slot(_ row: Int) -> UnsafeMutablePointer<Float> {
    unsafe ring + row % narrowed.rowCount * narrowed.stride
  }
}
