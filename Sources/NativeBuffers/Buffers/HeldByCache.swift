// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

extension NativeBuffer: CacheableResource {
  /// Marks the memory as held by a cache, or ends the mark. Reports leave out what a cache holds.
  ///
  /// A `ResourceCache` calls this by itself if the buffer is its value. Has no effect after
  /// ``unsafeDetach(file:line:function:)``, nor after the memory was released. If the buffer was disposed, but a pin
  /// keeps the memory, or another value took it over (a `ByteBuffer`, for example), it has an effect until the memory
  /// is released. Waits for no pin, and disturbs none. Cost: an atomic operation.
  public func setHeldByCache(_ isHeld: Bool) { block.entry.setHeldByCache(isHeld, key: block.key) }

  /// The bytes of memory that the buffer takes: at least ``byteCount``, because blocks come in size classes, and
  /// because a buffer of `NativeByteWriter` may have room behind its bytes. The entry of 64 bytes in the ledger is not
  /// counted. For adopted memory and a mapped file it is ``byteCount``.
  ///
  /// A fresh page of it takes physical memory only when it is first touched. 0 after
  /// ``dispose(file:line:function:)`` and ``unsafeDetach(file:line:function:)``, even if a pin still keeps the memory.
  public var allocatedByteCount: Int {
    let capacity = block.entry.capacity
    return isDisposed ? 0 : capacity
  }
}

extension UniqueBuffer {
  /// As ``NativeBuffer/allocatedByteCount``.
  public var allocatedByteCount: Int { block.entry.capacity }

  /// Marks the memory as held by a cache, or ends the mark, for an owner that is a `CacheableResource`. Cost: an
  /// atomic operation.
  public borrowing func setHeldByCache(_ isHeld: Bool) { block.entry.setHeldByCache(isHeld, key: block.key) }
}
