// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

extension Bitmap {
  /// Gives this value its own pixels if another value or a pin shares them.
  ///
  /// The new pixels lie in the same arena, and are recorded for the line that changes them. The old pixels stay with
  /// the other values that share them. If no other value has them after the copy, they are disposed here.
  mutating func makeUnique(file: StaticString, line: UInt, function: StaticString) throws(BitmapError) {
    let isShared = !isKnownUniquelyReferenced(&pixels)
    // No new pin can appear after this check: this value holds the only handle, and it is being mutated. If a pin ends
    // after the check, the copy was only unnecessary.
    guard isShared || pixels.isPinned else { return }
    let context = AllocationContext(arena: pixels.arena, file: file, line: line, function: function)
    let copy = try copied(context: context)
    if isKnownUniquelyReferenced(&pixels) { context.dispose(self) }
    self = copy
  }

  /// The same picture in its own pixels.
  func copied(context: AllocationContext) throws(BitmapError) -> Bitmap {
    try context.bitmap(
      width: width, height: height, format: format, colorProfile: colorProfile
    ) { copy throws(BitmapError) in
      try copyRows(to: copy)
    }
  }

  /// Fills a new bitmap of the same size and format.
  func copyRows(to result: Bitmap) throws(BitmapError) {
    let count = rowByteCount
    let deadline = WorkDeadline()
    try unsafe withUnsafeRows(to: result) { source, target throws(BitmapError) in
      for y in 0..<height {
        try deadline.check(row: y)
        unsafe target[y].update(from: source[y], count: count)
      }
    }
  }

  /// The bytes of a row's pixels, without the padding between rows.
  var rowByteCount: Int { width * format.bytesPerPixel }
}
