// SPDX-License-Identifier: Apache-2.0

/// Reads and writes that ThreadSanitizer sees. It does not see those of `RawSpan`, of raw pointers and of buffer
/// pointers, because these happen in the standard library's code, which was compiled without it.
extension UnsafeRawBufferPointer {
  /// The number in the first bytes. Must not be used if there are fewer than eight bytes.
  public var seenNumber: Int {
    // SAFETY: buffers are aligned to more than eight bytes, and all bits are a number.
    unsafe baseAddress.map { unsafe $0.assumingMemoryBound(to: Int.self).pointee } ?? 0
  }
}

extension UnsafeMutableRawBufferPointer {
  /// The number in the first bytes. Must not be used if there are fewer than eight bytes.
  public var seenNumber: Int {
    get { UnsafeRawBufferPointer(self).seenNumber }
    nonmutating set {
      // SAFETY: as above.
      unsafe baseAddress.map { unsafe $0.assumingMemoryBound(to: Int.self).pointee = newValue }
    }
  }
}
