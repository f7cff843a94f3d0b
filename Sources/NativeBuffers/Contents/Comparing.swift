// SPDX-License-Identifier: Apache-2.0

import Glibc

// A buffer is an object, and `===` compares two handles. These functions compare what is in the memory.

extension NativeBuffer {
  /// Whether the buffer has the same bytes as another one, and as many. Two handles of one buffer have.
  /// - Throws: ``NativeBufferError`` as ``pin()``, for either buffer.
  /// - Complexity: O(n).
  public func contents(equal other: NativeBuffer) throws(NativeBufferError) -> Bool {
    let pin = try other.pin()
    return try contents(equal: pin.bytes)
  }

  /// Whether the buffer has the same bytes as other memory, and as many.
  /// - Throws: ``NativeBufferError`` as ``pin()``.
  /// - Complexity: O(n).
  public func contents(equal bytes: RawSpan) throws(NativeBufferError) -> Bool {
    try slice(...).contents(equal: bytes)
  }

  /// Feeds the bytes and their number to a hasher. Buffers whose contents are equal feed the same.
  /// - Throws: ``NativeBufferError`` as ``pin()``.
  /// - Complexity: O(n).
  public func hashContents(into hasher: inout Hasher) throws(NativeBufferError) {
    try slice(...).hashContents(into: &hasher)
  }
}

extension NativeBufferSlice {
  /// As ``NativeBuffer/contents(equal:)-(NativeBuffer)``, for the bytes of two slices.
  public func contents(equal other: NativeBufferSlice) throws(NativeBufferError) -> Bool {
    let pin = try other.pin()
    return try contents(equal: pin.bytes)
  }

  /// As ``NativeBuffer/contents(equal:)-(RawSpan)``, for the slice's bytes.
  public func contents(equal bytes: RawSpan) throws(NativeBufferError) -> Bool {
    unsafe try reading { own in
      unsafe bytes.withUnsafeBytes { other in
        guard own.count == other.count else { return false }
        guard let own = own.baseAddress, let other = other.baseAddress else { return true }
        return unsafe memcmp(own, other, byteCount) == 0
      }
    }
  }

  /// As ``NativeBuffer/hashContents(into:)``, for the slice's bytes.
  public func hashContents(into hasher: inout Hasher) throws(NativeBufferError) {
    hasher = unsafe try reading { bytes in
      var copy = hasher
      copy.combine(bytes.count)
      unsafe copy.combine(bytes: bytes)
      return copy
    }
  }

  /// Calls a closure that does not throw, under a pin.
  func reading<R>(_ body: (UnsafeRawBufferPointer) -> R) throws(NativeBufferError) -> R {
    let pin = try pin()
    return unsafe pin.bytes.withUnsafeBytes(body)
  }
}
