// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap: CacheableResource {
  /// Marks the pixels as held by a cache, or ends the mark. Reports leave out what a cache holds.
  ///
  /// The mark is for the pixels, and so for all values that share them. A value that gets its own pixels by a change is
  /// not marked. Has no effect after ``dispose(file:line:function:)``. Cost: an atomic operation.
  public func setHeldByCache(_ isHeld: Bool) { pixels.setHeldByCache(isHeld) }

  /// The bytes of memory that the pixels take: at least the bytes of all rows, because memory comes in blocks of
  /// certain sizes. Of a crop, it is the memory of the whole picture, which the crop keeps. All values that share the
  /// pixels share this memory. 0 after ``dispose(file:line:function:)``.
  public var allocatedByteCount: Int { pixels.allocatedByteCount }
}
