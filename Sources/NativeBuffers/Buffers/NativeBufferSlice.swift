// SPDX-License-Identifier: Apache-2.0

/// A part of a buffer's bytes. It keeps the buffer alive, and shares its pins and its disposed state: a mutable access
/// to a slice excludes every other access to the buffer.
///
/// A slice of 100 bytes keeps all megabytes of its buffer. If the slice lives longer than the rest is needed, keep a
/// copy instead: ``copied(arena:file:line:function:)``.
public struct NativeBufferSlice: Sendable {
  public let buffer: NativeBuffer
  /// The part's bytes, counted from the buffer's first byte.
  public let range: Range<Int>

  public var byteCount: Int { range.count }
  public var isDisposed: Bool { buffer.isDisposed }

  /// The first byte. To be used under a pin.
  @unsafe
  var start: UnsafeMutableRawPointer { unsafe buffer.block.base + range.lowerBound }

  /// A part of this slice.
  /// - Parameter range: counts from the slice's first byte. Any range expression: `8..<16`, `...7`, `8...`.
  /// - Throws: ``NativeBufferError/Code/outOfBounds`` if `range` does not lie inside the slice.
  public func slice(_ range: some RangeExpression<Int>) throws(NativeBufferError) -> NativeBufferSlice {
    let range = range.bounds(in: byteCount)
    guard range.lowerBound >= 0, range.upperBound <= byteCount else {
      throw NativeBufferError(.outOfBounds(range: range, byteCount: byteCount), created: buffer.site)
    }
    let start = self.range.lowerBound + range.lowerBound
    return NativeBufferSlice(buffer: buffer, range: start..<start + range.count)
  }

  /// As `NativeBuffer/withBytes(_:)`, for the slice's bytes.
  public func withBytes<R: ~Copyable>(
    _ body: (RawSpan) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    unsafe try buffer.withBytes(at: start, byteCount: byteCount, { $0 }, body)
  }

  /// As `NativeBuffer/withMutableBytes(_:)`, for the slice's bytes.
  public func withMutableBytes<R: ~Copyable>(
    _ body: (inout MutableRawSpan) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    unsafe try buffer.withMutableBytes(at: start, byteCount: byteCount, { $0 }, body)
  }

  /// As `NativeBuffer/withUnsafeBytes(_:)`, for the slice's bytes.
  public func withUnsafeBytes<R: ~Copyable>(
    _ body: (UnsafeRawBufferPointer) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try buffer.sharing({ $0 }) { () throws(NativeBufferError) in
      unsafe try body(UnsafeRawBufferPointer(start: start, count: byteCount))
    }
  }

  /// As `NativeBuffer/withUnsafeMutableBytes(_:)`, for the slice's bytes.
  public func withUnsafeMutableBytes<R: ~Copyable>(
    _ body: (UnsafeMutableRawBufferPointer) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try buffer.excluding({ $0 }) { () throws(NativeBufferError) in
      unsafe try body(UnsafeMutableRawBufferPointer(start: start, count: byteCount))
    }
  }

  /// As ``NativeBuffer/pin()``, for the slice's bytes.
  public func pin() throws(NativeBufferError) -> Pin {
    unsafe try buffer.pin(base: start, byteCount: byteCount)
  }

  /// As ``NativeBuffer/pinMutable()``, for the slice's bytes.
  public func pinMutable() throws(NativeBufferError) -> MutablePin {
    unsafe try buffer.pinMutable(base: start, byteCount: byteCount)
  }
}

extension NativeBuffer {
  /// A part of the buffer, without a copy. A disposed buffer has slices, too; accessing them throws.
  /// - Parameter range: counts from the buffer's first byte. Any range expression: `8..<16`, `...7`, `8...`.
  /// - Throws: ``NativeBufferError/Code/outOfBounds`` if `range` does not lie inside the buffer.
  public func slice(_ range: some RangeExpression<Int>) throws(NativeBufferError) -> NativeBufferSlice {
    try slice(...).slice(range)
  }

  /// The whole buffer as a slice.
  public func slice(_ range: UnboundedRange) -> NativeBufferSlice {
    NativeBufferSlice(buffer: self, range: 0..<byteCount)
  }
}

extension RangeExpression<Int> {
  /// The range in a number of bytes. The standard library's `relative(to:)` ends the program if a range does not fit;
  /// this gives a range that does not fit either, so that the caller can throw.
  fileprivate func bounds(in byteCount: Int) -> Range<Int> {
    switch self {
    case let range as Range<Int>: range
    case let range as ClosedRange<Int>:
      range.upperBound == .max ? range.lowerBound..<range.upperBound : range.lowerBound..<range.upperBound + 1
    case let range as PartialRangeFrom<Int>: range.lowerBound..<max(range.lowerBound, byteCount)
    case let range as PartialRangeUpTo<Int>: min(0, range.upperBound)..<range.upperBound
    case let range as PartialRangeThrough<Int>:
      range.upperBound == .max ? 0..<range.upperBound : min(0, range.upperBound + 1)..<range.upperBound + 1
    default: relative(to: 0..<byteCount)
    }
  }
}
