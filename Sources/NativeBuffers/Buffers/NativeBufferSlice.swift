// SPDX-License-Identifier: Apache-2.0

/// A part of a buffer's bytes. It keeps the buffer alive, and shares its pins and its disposed state: a mutable access
/// to a slice excludes every other access to the buffer.
public struct NativeBufferSlice: Sendable {
  public let buffer: NativeBuffer
  /// The part's bytes, counted from the buffer's first byte.
  public let range: Range<Int>

  public var byteCount: Int { range.count }
  public var isDisposed: Bool { buffer.isDisposed }

  /// A part of this slice. `range` counts from the slice's first byte.
  /// - Throws: ``NativeBufferError/Code/outOfBounds`` if `range` does not lie inside the slice.
  public func slice(_ range: Range<Int>) throws(NativeBufferError) -> NativeBufferSlice {
    guard range.lowerBound >= 0, range.upperBound <= byteCount else {
      throw NativeBufferError(.outOfBounds(range: range, byteCount: byteCount), created: buffer.site)
    }
    let start = self.range.lowerBound + range.lowerBound
    return NativeBufferSlice(buffer: buffer, range: start..<start + range.count)
  }

  /// As ``NativeBuffer/withBytes(_:)``, for the slice's bytes.
  public func withBytes<R: ~Copyable>(_ body: (RawSpan) throws -> R) throws -> R {
    try buffer.sharing {
      try body(unsafe RawSpan(_unsafeStart: buffer.block.base + range.lowerBound, byteCount: byteCount))
    }
  }

  /// As ``NativeBuffer/withMutableBytes(_:)``, for the slice's bytes.
  public func withMutableBytes<R: ~Copyable>(_ body: (inout MutableRawSpan) throws -> R) throws -> R {
    try buffer.excluding {
      let start = unsafe buffer.block.base + range.lowerBound
      var bytes = unsafe MutableRawSpan(_unsafeStart: start, byteCount: byteCount)
      defer { if unsafe !bytes.starts(at: start) { buffer.failExchanged() } }
      return try body(&bytes)
    }
  }

  /// As ``NativeBuffer/pin()``, for the slice's bytes.
  public func pin() throws(NativeBufferError) -> Pin {
    unsafe try buffer.pin(base: buffer.block.base + range.lowerBound, byteCount: byteCount)
  }

  /// As ``NativeBuffer/pinMutable()``, for the slice's bytes.
  public func pinMutable() throws(NativeBufferError) -> MutablePin {
    unsafe try buffer.pinMutable(base: buffer.block.base + range.lowerBound, byteCount: byteCount)
  }
}

extension NativeBuffer {
  /// A part of the buffer, without a copy. A disposed buffer has slices, too; accessing them throws.
  /// - Throws: ``NativeBufferError/Code/outOfBounds`` if `range` does not lie inside the buffer.
  public func slice(_ range: Range<Int>) throws(NativeBufferError) -> NativeBufferSlice {
    try NativeBufferSlice(buffer: self, range: 0..<byteCount).slice(range)
  }
}
