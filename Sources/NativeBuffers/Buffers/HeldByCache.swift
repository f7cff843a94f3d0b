// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

extension NativeBuffer: CacheableResource {
  /// Marks the memory as held by a cache, or ends the mark. Reports leave out what a cache holds.
  ///
  /// A `ResourceCache` calls this by itself if the buffer is its value. Has no effect after
  /// ``dispose(file:line:function:)`` and ``unsafeDetach(file:line:function:)``. Waits for no pin, and disturbs none.
  /// Cost: an atomic operation.
  public func setHeldByCache(_ isHeld: Bool) { block.entry.setHeldByCache(isHeld, key: block.key) }
}

extension UniqueBuffer {
  /// Marks the memory as held by a cache, or ends the mark, for an owner that is a ``CacheableResource``. Cost: an
  /// atomic operation.
  public borrowing func setHeldByCache(_ isHeld: Bool) { block.entry.setHeldByCache(isHeld, key: block.key) }
}
