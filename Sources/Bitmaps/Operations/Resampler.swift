// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// Resizes one axis after the other. First the rows that make a target row are added up to one row of sums; then that
/// row becomes pixels. If this takes at least twice the work of the opposite order, ``NarrowingPass`` uses that order.
///
/// The loops over pixels are in C, see CPixelKernels.h. This code chooses the rows and prepares the other arguments.
enum Resampler {
  /// Fills `result` with `bitmap` in the size of `result`. Both have the same format.
  static func run(_ bitmap: Bitmap, into result: Bitmap, filter: ResizeFilter, context: AllocationContext)
    throws(BitmapError)
  {
    let layout = Layout(from: bitmap, to: result, filter: filter)
    var pace = WorkPace(WorkDeadline())
    try unsafe context.withScratch(byteCount: layout.scratch.byteCount, for: "resizing") {
      scratch throws(BitmapError) in
      try unsafe bitmap.withUnsafeRows(to: result) { source, target throws(BitmapError) in
        let source = unsafe bitmap.kernelSource(source)
        let samples = bitmap.format.samples
        if let narrowed = layout.narrowed, let blended = unsafe layout.blended?.uninitialized(in: scratch) {
          let pass = try unsafe NarrowingPass(
            layout, narrowed, blended: blended, scratch: scratch, source: source, samples: samples, pace: &pace)
          try unsafe pass.run(into: target, &pace)
        } else {
          let pass = try unsafe Pass(layout, scratch: scratch, source: source, samples: samples, pace: &pace)
          try unsafe pass.run(into: target, &pace)
        }
      }
    }
  }

  /// The scratch memory of a resize. It also decides which axis comes first.
  struct Layout {
    private(set) var scratch = ScratchLayout()
    let filter: ResizeFilter
    let horizontal: ResamplingAxis.Layout
    let vertical: ResamplingAxis.Layout
    /// A row as wide as the source.
    let sums: ScratchLayout.Part<Float>
    /// A second row as wide as the source, for the rows of a block; nil if few rows make a target row, or the byte
    /// kernels are used.
    let block: ScratchLayout.Part<Float>?
    /// Nil if rows of sums come first.
    let narrowed: Narrowed?
    /// A target row before it is stored; nil if the byte kernels store rows themselves.
    let blended: ScratchLayout.Part<Float>?
    let isHalf: Bool

    /// Rows in the target's width, as many as a target row can be made of.
    struct Narrowed {
      let rowCount: Int
      /// The distance from one row to the next, in floats.
      let stride: Int
      let rows: ScratchLayout.Part<Float>
    }

    init(from source: Bitmap, to target: Bitmap, filter: ResizeFilter) {
      self.filter = filter
      sums = scratch.add(Float.self, count: source.width * source.format.channelCount + Int(CPIXEL_SUM_PADDING))
      horizontal = .init(source: source.width, target: target.width, filter: filter, in: &scratch)
      vertical = .init(source: source.height, target: target.height, filter: filter, in: &scratch)
      narrowed = Self.narrowed(horizontal, vertical, channels: source.format.channelCount, in: &scratch)
      // Premultiplied colours need no weighting with alpha, but negative weights could make them larger than alpha.
      let isForBytes =
        source.format.hasByteKernels
        || source.format.isPremultiplied && source.format.channelCount == 4 && filter != .lanczos3
      blended =
        isForBytes && narrowed == nil
        ? nil
        : scratch.add(Float.self, count: target.width * target.format.channelCount + Int(CPIXEL_ROW_PADDING))
      block = blended != nil && narrowed == nil && vertical.isLong ? scratch.add(Float.self, count: sums.count) : nil
      isHalf =
        filter == .area && isForBytes && source.width == 2 * target.width && source.height == 2 * target.height
    }

    /// Narrowing first pays off if the picture becomes narrower and taller. In all other cases it saves less than half
    /// of the work. Also, few rows must be kept only if the height does not shrink: then at most 7 rows make a target
    /// row.
    private static func narrowed(
      _ horizontal: ResamplingAxis.Layout, _ vertical: ResamplingAxis.Layout, channels: Int,
      in scratch: inout ScratchLayout
    ) -> Narrowed? {
      guard horizontal.target < horizontal.source, vertical.target > vertical.source else { return nil }
      // Counts numbers multiplied and added, per channel. It is a Double, because products of sides may exceed Int.
      func work(ofRows rows: Int, width: Int) -> Double {
        Double(rows) * Double(horizontal.work) + Double(vertical.work) * Double(width)
      }
      let asUsual = work(ofRows: vertical.target, width: horizontal.source)
      let narrowing = work(ofRows: vertical.source, width: horizontal.target)
      guard narrowing <= asUsual / 2 else { return nil }
      let stride = (horizontal.target * channels + Int(CPIXEL_ROW_PADDING) + 15) / 16 * 16
      let rows = scratch.add(Float.self, count: vertical.tapLimit * stride)
      return Narrowed(rowCount: vertical.tapLimit, stride: stride, rows: rows)
    }
  }

  /// Resizes in the usual order, with rows of sums first.
  // SAFETY: the pointers lead into the scratch memory and the source, and are used only inside the closure that lent
  // both.
  @safe
  private struct Pass {
    let layout: Layout
    let source: cpixel_source
    let sums: UnsafeMutablePointer<Float>
    /// Nil if the byte kernels store rows.
    let blended: UnsafeMutablePointer<Float>?
    let block: UnsafeMutablePointer<Float>?
    let samples: cpixel_samples
    let columns: ResamplingAxis
    let rows: ResamplingAxis

    init(
      _ layout: Layout, scratch: UnsafeMutableRawPointer, source: cpixel_source, samples: cpixel_samples,
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
}

extension Bitmap {
  /// The rows in the form that the C kernels take.
  func kernelSource(_ rows: UnsafeRows) -> cpixel_source {
    unsafe cpixel_source(
      base: rows[0], bytes_per_row: bytesPerRow, width: width, height: height, channels: format.channelCount,
      premultiplied: format.isPremultiplied)
  }
}
