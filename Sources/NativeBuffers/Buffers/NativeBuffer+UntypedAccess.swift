// SPDX-License-Identifier: Apache-2.0

// The functions of NativeBuffer+Access.swift, NativeBufferSlice.swift and TypedViews.swift for closures that throw any
// error. They are disfavored, so that the compiler takes them only for such closures.

extension NativeBuffer {
  /// As ``withBytes(_:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public func withBytes<R: ~Copyable>(_ body: (RawSpan) throws -> R) throws -> R {
    unsafe try withBytes(at: block.base, byteCount: byteCount, { $0 as any Error }, body)
  }

  /// As ``withMutableBytes(_:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public func withMutableBytes<R: ~Copyable>(_ body: (inout MutableRawSpan) throws -> R) throws -> R {
    unsafe try withMutableBytes(at: block.base, byteCount: byteCount, { $0 as any Error }, body)
  }

  /// As ``withUnsafeBytes(_:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public func withUnsafeBytes<R: ~Copyable>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try sharing({ $0 as any Error }) {
      unsafe try body(UnsafeRawBufferPointer(start: block.base, count: byteCount))
    }
  }

  /// As ``withUnsafeMutableBytes(_:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public func withUnsafeMutableBytes<R: ~Copyable>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) throws -> R {
    try excluding({ $0 as any Error }) {
      unsafe try body(UnsafeMutableRawBufferPointer(start: block.base, count: byteCount))
    }
  }

  /// As ``withSpan(of:_:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public func withSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (Span<Element>) throws -> R
  ) throws -> R {
    unsafe try withSpan(of: type, at: block.base, byteCount: byteCount, { $0 as any Error }, body)
  }

  /// As ``withMutableSpan(of:_:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public func withMutableSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (inout MutableSpan<Element>) throws -> R
  ) throws -> R {
    unsafe try withMutableSpan(of: type, at: block.base, byteCount: byteCount, { $0 as any Error }, body)
  }
}

extension NativeBufferSlice {
  /// As ``withBytes(_:)``, for a closure that throws any error.
  @_disfavoredOverload
  public func withBytes<R: ~Copyable>(_ body: (RawSpan) throws -> R) throws -> R {
    unsafe try buffer.withBytes(at: start, byteCount: byteCount, { $0 as any Error }, body)
  }

  /// As ``withMutableBytes(_:)``, for a closure that throws any error.
  @_disfavoredOverload
  public func withMutableBytes<R: ~Copyable>(_ body: (inout MutableRawSpan) throws -> R) throws -> R {
    unsafe try buffer.withMutableBytes(at: start, byteCount: byteCount, { $0 as any Error }, body)
  }

  /// As ``withUnsafeBytes(_:)``, for a closure that throws any error.
  @_disfavoredOverload
  public func withUnsafeBytes<R: ~Copyable>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try buffer.sharing({ $0 as any Error }) {
      unsafe try body(UnsafeRawBufferPointer(start: start, count: byteCount))
    }
  }

  /// As ``withUnsafeMutableBytes(_:)``, for a closure that throws any error.
  @_disfavoredOverload
  public func withUnsafeMutableBytes<R: ~Copyable>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) throws -> R {
    try buffer.excluding({ $0 as any Error }) {
      unsafe try body(UnsafeMutableRawBufferPointer(start: start, count: byteCount))
    }
  }

  /// As ``withSpan(of:_:)``, for a closure that throws any error.
  @_disfavoredOverload
  public func withSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (Span<Element>) throws -> R
  ) throws -> R {
    unsafe try buffer.withSpan(of: type, at: start, byteCount: byteCount, { $0 as any Error }, body)
  }

  /// As ``withMutableSpan(of:_:)``, for a closure that throws any error.
  @_disfavoredOverload
  public func withMutableSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (inout MutableSpan<Element>) throws -> R
  ) throws -> R {
    unsafe try buffer.withMutableSpan(of: type, at: start, byteCount: byteCount, { $0 as any Error }, body)
  }
}
