// SPDX-License-Identifier: Apache-2.0

import CPixelKernels

/// Resizes one axis after the other, in one of two orders: ``SummingPass`` or, if that takes at least twice the work,
/// ``NarrowingPass``.
///
/// The loops over pixels are in C, see CPixelKernels.h. This code chooses the rows and prepares the other arguments.
enum Resampler {
  /// Fills `result` with `bitmap` in the size of `result`. Both have the same format.
  static func run(_ bitmap: Bitmap, into result: Bitmap, filter: ResizeFilter, context: AllocationContext)
    throws(BitmapError)
  {
    let layout = ResamplingLayout(from: bitmap, to: result, filter: filter)
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
          let pass = try unsafe SummingPass(layout, scratch: scratch, source: source, samples: samples, pace: &pace)
          try unsafe pass.run(into: target, &pace)
        }
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
