// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

// Every access is a pin: shared for reading, exclusive for changing. An access costs two atomic operations.
//
// Each function that takes a closure stands here for closures that throw nothing, or `NativeBufferError`. It throws
// nothing else then. NativeBuffer+UntypedAccess.swift has the same functions for closures that throw any error.

extension NativeBuffer {
  /// Calls a closure with the bytes. If `dispose()` is called meanwhile, the bytes stay until the closure ends.
  /// ``pin()`` does the same without a closure, and reading its ``Pin/span`` needs no `unsafe`.
  /// - Throws: ``NativeBufferError`` if the buffer was disposed, is being changed, or has 262,143 pins; what `body`
  ///   throws. If `body` throws nothing, or only ``NativeBufferError``, so does this.
  @inlinable
  public func withBytes<R: ~Copyable>(
    _ body: (RawSpan) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    unsafe try withBytes(at: block.base, byteCount: byteCount, { $0 }, body)
  }

  /// Calls a closure with the bytes, which it may change. The span must stay in its place: if the closure leaves
  /// another span there, the program ends.
  /// - Throws: ``NativeBufferError`` if the buffer was disposed or is in use; what `body` throws.
  @inlinable
  public func withMutableBytes<R: ~Copyable>(
    _ body: (inout MutableRawSpan) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    unsafe try withMutableBytes(at: block.base, byteCount: byteCount, { $0 }, body)
  }

  /// Calls a closure with the bytes' address, which must not escape from the closure.
  /// - Throws: as `withBytes(_:)`.
  @inlinable
  public func withUnsafeBytes<R: ~Copyable>(
    _ body: (UnsafeRawBufferPointer) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try sharing({ $0 }) { () throws(NativeBufferError) in
      unsafe try body(UnsafeRawBufferPointer(start: block.base, count: byteCount))
    }
  }

  /// Calls a closure with the bytes' address, to change them. The address must not escape from the closure.
  /// - Throws: as `withMutableBytes(_:)`.
  @inlinable
  public func withUnsafeMutableBytes<R: ~Copyable>(
    _ body: (UnsafeMutableRawBufferPointer) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try excluding({ $0 }) { () throws(NativeBufferError) in
      unsafe try body(UnsafeMutableRawBufferPointer(start: block.base, count: byteCount))
    }
  }

  /// Keeps the bytes valid and unchanged until the pin ends, whatever happens to the handle.
  /// - Throws: ``NativeBufferError`` if the buffer was disposed, is being changed, or has 262,143 pins.
  @inlinable
  public func pin() throws(NativeBufferError) -> Pin { unsafe try pin(base: block.base, byteCount: byteCount) }

  /// Keeps the bytes valid, for the pin's holder alone, until the pin ends.
  /// - Throws: ``NativeBufferError`` if the buffer was disposed or is in use.
  @inlinable
  public func pinMutable() throws(NativeBufferError) -> MutablePin {
    unsafe try pinMutable(base: block.base, byteCount: byteCount)
  }

  /// Calls a closure with bytes of the buffer.
  /// - Parameter failure: makes the error of the closure's type for an access that was refused.
  @inlinable
  @inline(__always)
  func withBytes<R: ~Copyable, E: Error>(
    at base: UnsafeMutableRawPointer, byteCount: Int, _ failure: (NativeBufferError) -> E,
    _ body: (RawSpan) throws(E) -> R
  ) throws(E) -> R {
    try sharing(failure) { () throws(E) in try body(unsafe RawSpan(_unsafeStart: base, byteCount: byteCount)) }
  }

  /// Calls a closure with bytes of the buffer, which it may change. Parameters are those of
  /// ``withBytes(at:byteCount:_:_:)``.
  @inlinable
  @inline(__always)
  func withMutableBytes<R: ~Copyable, E: Error>(
    at base: UnsafeMutableRawPointer, byteCount: Int, _ failure: (NativeBufferError) -> E,
    _ body: (inout MutableRawSpan) throws(E) -> R
  ) throws(E) -> R {
    try excluding(failure) { () throws(E) in
      var bytes = unsafe MutableRawSpan(_unsafeStart: base, byteCount: byteCount)
      defer { if unsafe !bytes.starts(at: base) { failExchanged() } }
      return try body(&bytes)
    }
  }

  /// Runs a closure under a shared pin. Makes no `Pin` value, because the optimiser would put it on the heap.
  @inlinable
  @inline(__always)
  func sharing<R: ~Copyable, E: Error>(
    _ failure: (NativeBufferError) -> E, _ body: () throws(E) -> R
  ) throws(E) -> R {
    let outcome = block.entry.pin(key: block.key)
    guard outcome == .pinned else { throw failure(error(for: outcome)) }
    defer { if block.entry.unpin() { Block.releasePinned(block.entry) } }
    return try body()
  }

  /// Runs a closure under the exclusive pin.
  @inlinable
  @inline(__always)
  func excluding<R: ~Copyable, E: Error>(
    _ failure: (NativeBufferError) -> E, _ body: () throws(E) -> R
  ) throws(E) -> R {
    let outcome = block.entry.pinExclusively(key: block.key)
    guard outcome == .pinned else { throw failure(error(for: outcome)) }
    defer { if block.entry.unpinExclusively() { Block.releasePinned(block.entry) } }
    return try body()
  }

  /// A pin of the whole buffer whose `bytes` are only a part of it.
  @inlinable
  func pin(base: UnsafeMutableRawPointer, byteCount: Int) throws(NativeBufferError) -> Pin {
    let outcome = block.entry.pin(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    return unsafe Pin(entry: block.entry, base: base, byteCount: byteCount)
  }

  /// A mutable pin of the whole buffer whose `bytes` are only a part of it. No other access to the buffer is possible
  /// meanwhile.
  @inlinable
  func pinMutable(base: UnsafeMutableRawPointer, byteCount: Int) throws(NativeBufferError) -> MutablePin {
    let outcome = block.entry.pinExclusively(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    return unsafe MutablePin(entry: block.entry, base: base, byteCount: byteCount)
  }
}
