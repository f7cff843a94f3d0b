import CPixelKernels

/// Resizing, separably: the rows that make a target row first, into one row of sums, then that row into pixels. Where
/// that takes at least twice the work, in the other order: ``NarrowingPass``.
///
/// The loops over pixels are in C, see CPixelKernels.h; here is which rows they get, and what they get beside them.
enum Resampler {
  /// Fills `result` with `bitmap` in the size of `result`. They have the same format.
  static func run(_ bitmap: Bitmap, into result: Bitmap, filter: ResizeFilter, origin: Origin) throws(BitmapError) {
    let layout = Layout(from: bitmap, to: result, filter: filter)
    var pace = WorkPace(WorkWatch())
    try unsafe origin.withScratch(byteCount: layout.scratch.byteCount, for: "resizing") { scratch throws(BitmapError) in
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

  struct Layout {
    private(set) var scratch = ScratchLayout()
    let filter: ResizeFilter
    let horizontal: ResamplingAxis.Layout
    let vertical: ResamplingAxis.Layout
    /// A row as wide as the source.
    let sums: ScratchLayout.Part<Float>
    /// Another one, of the rows of a block; nil where few make a target row, or byte kernels do.
    let block: ScratchLayout.Part<Float>?
    /// Nil where rows of sums come first.
    let narrowed: Narrowed?
    /// A target row before it is stored; nil where the byte kernels do that themselves.
    let blended: ScratchLayout.Part<Float>?
    let isHalf: Bool

    /// Rows in the target's width, as many as a target row can be made of.
    struct Narrowed {
      let rowCount: Int
      /// Floats from one row to the next.
      let stride: Int
      let rows: ScratchLayout.Part<Float>
    }

    init(from source: Bitmap, to target: Bitmap, filter: ResizeFilter) {
      self.filter = filter
      sums = scratch.add(Float.self, count: source.width * source.format.channelCount + Int(CPIXEL_SUM_PADDING))
      horizontal = .init(source: source.width, target: target.width, filter: filter, in: &scratch)
      vertical = .init(source: source.height, target: target.height, filter: filter, in: &scratch)
      narrowed = Self.narrowed(horizontal, vertical, channels: source.format.channelCount, in: &scratch)
      // Multiplied colours are weighed as they are, but by weights below 0 they would come out larger than alpha.
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

    /// Narrowing first pays where the picture becomes narrower and taller. In all other cases it saves less than half;
    /// and few rows need to be kept only where the height does not shrink: a target row is then made of 7 at most.
    private static func narrowed(
      _ horizontal: ResamplingAxis.Layout, _ vertical: ResamplingAxis.Layout, channels: Int,
      in scratch: inout ScratchLayout
    ) -> Narrowed? {
      guard horizontal.target < horizontal.source, vertical.target > vertical.source else { return nil }
      // Numbers multiplied and added, per channel; as floating point, since products of sides may be beyond Int.
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

  // SAFETY: pointers into the scratch memory and the source, used inside the closure that lent both.
  @safe
  private struct Pass {
    let layout: Layout
    let source: cpixel_source
    let sums: UnsafeMutablePointer<Float>
    /// Nil where the byte kernels store.
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

    /// The rows of a span, part by part, so that none takes long. Returns whether all of them are opaque.
    private func blendRows(of span: cpixel_span, _ pace: inout WorkPace) throws(BitmapError) -> Bool {
      let channels = unsafe source.channels
      let work = Int(span.count) * channels
      // No number depends on its neighbours: the result is that of whole rows, but for what is opaque only in parts.
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

    /// A target row of samples of any kind: of the rows of a span, as floats.
    private func blendSamples(
      of span: cpixel_span, in blended: UnsafeMutablePointer<Float>, into target: UnsafeMutablePointer<UInt8>,
      _ pace: inout WorkPace
    ) throws(BitmapError) {
      let count = Int(span.count)
      if let block = unsafe block {
        // Colour is multiplied by alpha already in sums.
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
  /// The rows as the C kernels take them.
  func kernelSource(_ rows: UnsafeRows) -> cpixel_source {
    unsafe cpixel_source(
      base: rows[0], bytes_per_row: bytesPerRow, width: width, height: height, channels: format.channelCount,
      premultiplied: format.isPremultiplied)
  }
}
