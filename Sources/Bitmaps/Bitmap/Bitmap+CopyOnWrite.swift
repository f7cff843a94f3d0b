import NativeBuffers

extension Bitmap {
  /// Gives this value pixels of its own, where anybody else could see them change.
  ///
  /// The new ones lie in the same arena, and are recorded for the line that changes them. What they replace is left to
  /// the others that have it; where only pins have it, or the others were gone when the copy was made, it ends here.
  mutating func makeUnique(file: StaticString, line: UInt, function: StaticString) throws(BitmapError) {
    let isShared = !isKnownUniquelyReferenced(&pixels)
    // Not to be taken by anybody between this look and the change: the only handle is in this value, which is being
    // mutated. A pin that ends meanwhile costs a copy that was not needed.
    guard isShared || pixels.isPinned else { return }
    let origin = Origin(arena: pixels.arena, file: file, line: line, function: function)
    let copy = try copied(origin: origin)
    if isKnownUniquelyReferenced(&pixels) { origin.dispose(self) }
    self = copy
  }

  /// The same picture in pixels of its own.
  func copied(origin: Origin) throws(BitmapError) -> Bitmap {
    try origin.bitmap(
      width: width, height: height, format: format, colorProfile: colorProfile
    ) { copy throws(BitmapError) in
      try copyRows(to: copy)
    }
  }

  /// Fills a fresh bitmap of the same size and format.
  func copyRows(to result: Bitmap) throws(BitmapError) {
    let count = rowByteCount
    let watch = WorkWatch()
    try unsafe withUnsafeRows(to: result) { source, target throws(BitmapError) in
      for y in 0..<height {
        try watch.check(row: y)
        unsafe target[y].update(from: source[y], count: count)
      }
    }
  }

  /// Bytes of a row's pixels, without what lies between rows.
  var rowByteCount: Int { width * format.bytesPerPixel }
}
