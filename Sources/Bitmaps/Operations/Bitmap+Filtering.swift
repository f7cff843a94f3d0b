// SPDX-License-Identifier: Apache-2.0

extension Bitmap {
  /// A bitmap of the same size and format as this one, whose rows are all written by `body`.
  ///
  /// - Parameters:
  ///   - layout: The scratch memory that `body` gets, besides the rows of both bitmaps.
  ///   - work: What the memory is for, such as "blurring". Errors name it.
  func filtered(
    scratch layout: ScratchLayout, for work: String, context: AllocationContext,
    _ body: (UnsafeRows, UnsafeMutableRows, UnsafeMutableRawPointer) throws(BitmapError) -> Void
  ) throws(BitmapError) -> Bitmap {
    try context.bitmap(width: width, height: height, format: format, colorProfile: colorProfile) {
      result throws(BitmapError) in
      try unsafe context.withScratch(byteCount: layout.byteCount, for: work) { scratch throws(BitmapError) in
        try unsafe withUnsafeRows(to: result) { source, target throws(BitmapError) in
          try unsafe body(source, target, scratch)
        }
      }
    }
  }
}
