// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// Resizes in the usual order. First the source rows that make a target row are added up to one row of sums; then that
/// row is resampled to the target's width, and becomes pixels.
// SAFETY: the pointers lead into the scratch memory and the source, and are used only inside the closure that lent
// both.
@safe
struct SummingPass {
  let layout: ResamplingLayout
  let source: cpixel_source
  let sums: UnsafeMutablePointer<Float>
  /// Nil if the byte kernels store rows.
  let blended: UnsafeMutablePointer<Float>?
  let block: UnsafeMutablePointer<Float>?
  let samples: cpixel_samples
  let columns: ResamplingAxis
  let rows: ResamplingAxis

  init(
    _ layout: ResamplingLayout, scratch: UnsafeMutableRawPointer, source: cpixel_source, samples: cpixel_samples,
    pace: inout WorkPace
  ) throws(BitmapError) {
    self.layout = layout
    unsafe self.source = unsafe source
    self.samples = samples
    unsafe sums = layout.sums.zeroed(in: scratch)
    unsafe blended = layout.blended?.uninitialized(in: scratch)
    unsafe block = layout.block?.uninitialized(in: scratch)
    columns = try unsafe ResamplingAxis(layout.horizontal, in: scratch, pace: &pace)
    rows = try unsafe ResamplingAxis(layout.vertical, in: scratch, pace: &pace)
  }

  func run(into target: UnsafeMutableRows, _ pace: inout WorkPace) throws(BitmapError) {
    for y in 0..<layout.vertical.target {
      var isOpaque = false
      try pace.spend(layout.horizontal.work * samples.channels)
      if layout.isHalf {
        let upper = unsafe source.base + 2 * y * source.bytes_per_row
        unsafe cpixel_halve_rows(
          upper, upper + source.bytes_per_row, source.channels, layout.horizontal.target, target[y], &isOpaque)
        let isPremultiplied = unsafe source.premultiplied
        if isOpaque || isPremultiplied { continue }
      }
      let span = unsafe rows.spans[y]
      if let blended = unsafe blended {
        try unsafe blendSamples(of: span, in: blended, into: target[y], &pace)
        continue
      }
      isOpaque = try blendRows(of: span, &pace)
      unsafe cpixel_blend_columns(
        sums, source.channels, isOpaque, columns.spans, columns.weights, layout.horizontal.target, target[y])
    }
  }

  /// Adds up the rows of a span, part by part, so that no part takes long. Returns whether all rows are opaque.
  private func blendRows(of span: cpixel_span, _ pace: inout WorkPace) throws(BitmapError) -> Bool {
    let channels = unsafe source.channels
    let work = Int(span.count) * channels
    // No number depends on its neighbours, so the result is the same as for whole rows, unless only some parts are
    // opaque.
    let length = pace.elementCount(costing: work, step: 64)
    var isOpaque = true
    for start in unsafe stride(from: 0, to: source.width, by: length) {
      var part = unsafe source
      unsafe part.base += start * channels
      unsafe part.width = min(length, source.width - start)
      try unsafe pace.spend(part.width * work)
      var isPartOpaque = false
      unsafe cpixel_blend_rows(
        part, Int(span.first), Int(span.count), rows.weights + span.weights, layout.filter == .area,
        sums + start * channels, &isPartOpaque)
      isOpaque = isOpaque && isPartOpaque
    }
    return isOpaque
  }

  /// Makes a target row of samples of any kind from the rows of a span, with floats.
  private func blendSamples(
    of span: cpixel_span, in blended: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<UInt8>,
    _ pace: inout WorkPace
  ) throws(BitmapError) {
    let count = Int(span.count)
    if let block = unsafe block {
      // In sums, colour is multiplied by alpha already.
      let floats = cpixel_samples(depth: CPIXEL_FLOAT, alpha: CPIXEL_OPAQUE, channels: samples.channels)
      unsafe sums.update(repeating: 0, count: layout.sums.count)
      for start in stride(from: 0, to: count, by: ResamplingAxis.blockLength) {
        let part = start..<min(count, start + ResamplingAxis.blockLength)
        try unsafe addRows(part, of: span, in: block, &pace)
        unsafe cpixel_add_row(block, floats, 1, source.width, sums)
      }
    } else {
      try unsafe addRows(0..<count, of: span, in: sums, &pace)
    }
    unsafe columns.blend(sums, channels: samples.channels, into: blended)
    unsafe cpixel_store_row(blended, samples, layout.horizontal.target, target)
  }

  /// The weighted sum of a part of a span's rows.
  private func addRows(
    _ part: Range<Int>, of span: cpixel_span, in sum: UnsafeMutablePointer<Float>, _ pace: inout WorkPace
  ) throws(BitmapError) {
    unsafe sum.update(repeating: 0, count: layout.sums.count)
    for k in part {
      try unsafe pace.spend(source.width * samples.channels)
      let row = unsafe source.base + (Int(span.first) + k) * source.bytes_per_row
      unsafe cpixel_add_row(row, samples, rows.weights[span.weights + k], source.width, sum)
    }
  }
}
