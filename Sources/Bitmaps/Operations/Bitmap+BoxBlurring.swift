// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A copy in which every pixel is the mean of the square of 2 × `radius` + 1 pixels around it.
  ///
  /// Outside of the picture, the pixels at the border are repeated. Each colour counts in proportion to its alpha. If a
  /// pixel becomes wholly transparent, all its channels are 0. A channel of 8 bits differs from the exact result by at
  /// most 1, a channel of 16 bits by at most 2, and floats of 0 to 1 by at most 0.00001. If a float is not finite, the
  /// results that follow it in its rows and columns are wrong.
  ///
  /// Costs one pass with running sums, so the time does not depend on the radius. Scratch memory: 20 bytes per channel
  /// of a row.
  ///
  /// - Throws: `invalidArgument` if `radius` is below 0 or above 2^31 - 1; `outOfMemory` if there is no memory for the
  ///   copy or for scratch memory; `pixelsUnavailable` if this bitmap was disposed or is being written; `cancelled` if
  ///   the calling task is cancelled.
  public func boxBlurred(
    radius: Int, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    guard (0...Int(Int32.max)).contains(radius) else {
      throw BitmapError(
        .invalidArgument, "a box cannot reach \(radius) pixels to each side; give 0 to \(Int32.max).")
    }
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let layout = BoxLayout(self)
    return try unsafe filtered(scratch: layout.scratch, for: "blurring", context: context) {
      source, target, scratch throws(BitmapError) in
      let pass = unsafe BoxPass(layout, scratch: scratch, source: source, bitmap: self, radius: radius)
      try unsafe pass.run(into: target)
    }
  }
}

/// The scratch memory of a box blur.
private struct BoxLayout {
  private(set) var scratch = ScratchLayout()
  let columns: ScratchLayout.Part<Double>
  let entering: ScratchLayout.Part<Float>
  let leaving: ScratchLayout.Part<Float>
  let blurred: ScratchLayout.Part<Float>

  init(_ bitmap: Bitmap) {
    let count = bitmap.width * bitmap.format.channelCount
    columns = scratch.add(Double.self, count: count)
    entering = scratch.add(Float.self, count: count)
    leaving = scratch.add(Float.self, count: count)
    blurred = scratch.add(Float.self, count: count)
  }
}

/// Keeps, for each column, the sum of the rows around the current row. These sums make the row's pixels.
// SAFETY: the pointers lead into the scratch memory and the source, and are used only inside the closure that lent
// both.
@safe
private struct BoxPass {
  let source: UnsafeRows
  let columns: UnsafeMutablePointer<Double>
  let entering: UnsafeMutablePointer<Float>
  let leaving: UnsafeMutablePointer<Float>
  let blurred: UnsafeMutablePointer<Float>
  let width: Int
  let height: Int
  let samples: cpixel_samples
  let radius: Int

  init(_ layout: BoxLayout, scratch: UnsafeMutableRawPointer, source: UnsafeRows, bitmap: Bitmap, radius: Int) {
    unsafe self.source = unsafe source
    unsafe columns = layout.columns.zeroed(in: scratch)
    unsafe entering = layout.entering.zeroed(in: scratch)
    unsafe leaving = layout.leaving.zeroed(in: scratch)
    unsafe blurred = layout.blurred.zeroed(in: scratch)
    width = bitmap.width
    height = bitmap.height
    samples = bitmap.format.samples
    self.radius = radius
  }

  func run(into target: UnsafeMutableRows) throws(BitmapError) {
    let count = width * samples.channels
    let side = 2 * Double(radius) + 1
    let deadline = WorkDeadline()
    try addFirstRows(count, deadline)
    for y in 0..<height {
      try deadline.check(row: y)
      unsafe cpixel_box_columns(columns, samples.channels, width, radius, 1 / (side * side), blurred)
      unsafe cpixel_store_row(blurred, samples, width, target[y])
      unsafe cpixel_load_row(source[min(y + 1 + radius, height - 1)], samples, width, entering)
      unsafe cpixel_load_row(source[max(y - radius, 0)], samples, width, leaving)
      unsafe cpixel_box_step(entering, leaving, count, columns)
    }
  }

  /// Adds the rows around row 0. Rows above it are row 0 again, and rows beyond the last row are the last row again.
  private func addFirstRows(_ count: Int, _ deadline: WorkDeadline) throws(BitmapError) {
    let below = min(radius, height - 1)
    for y in 0...below {
      try deadline.check(row: y)
      let weight = (y == 0 ? radius + 1 : 1) + (y == height - 1 ? radius - below : 0)
      unsafe cpixel_load_row(source[y], samples, width, entering)
      unsafe cpixel_box_add(entering, Double(weight), count, columns)
    }
  }
}
