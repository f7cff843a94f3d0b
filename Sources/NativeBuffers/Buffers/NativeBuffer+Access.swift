// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

// Every access is a pin: shared for reading, exclusive for changing. Each costs two atomic operations.

extension NativeBuffer {
  /// Calls a closure with the bytes. `dispose()` meanwhile does not take them away. ``pin()`` does the same without a
  /// closure, and its ``Pin/span`` needs no `unsafe` to be read.
  /// - Throws: ``NativeBufferError`` where the buffer was disposed or is being changed; what `body` throws.
  @inlinable
  public func withBytes<R: ~Copyable>(_ body: (RawSpan) throws -> R) throws -> R {
    try sharing { try body(unsafe RawSpan(_unsafeStart: block.base, byteCount: byteCount)) }
  }

  /// Calls a closure with the bytes, to change. The span is to stay in its place: a closure that leaves another one there
  /// ends the program.
  /// - Throws: ``NativeBufferError`` where the buffer was disposed or is in use; what `body` throws.
  @inlinable
  public func withMutableBytes<R: ~Copyable>(_ body: (inout MutableRawSpan) throws -> R) throws -> R {
    try excluding {
      var bytes = unsafe MutableRawSpan(_unsafeStart: block.base, byteCount: byteCount)
      defer { if unsafe !bytes.starts(at: block.base) { failExchanged() } }
      return try body(&bytes)
    }
  }

  /// Calls a closure with the bytes' address, which it must not let escape.
  /// - Throws: as ``withBytes(_:)``.
  @inlinable
  public func withUnsafeBytes<R: ~Copyable>(_ body: (UnsafeRawBufferPointer) throws -> R) throws -> R {
    try sharing { unsafe try body(UnsafeRawBufferPointer(start: block.base, count: byteCount)) }
  }

  /// Calls a closure with the bytes' address, to change them; it must not let the address escape.
  /// - Throws: as ``withMutableBytes(_:)``.
  @inlinable
  public func withUnsafeMutableBytes<R: ~Copyable>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) throws -> R {
    try excluding { unsafe try body(UnsafeMutableRawBufferPointer(start: block.base, count: byteCount)) }
  }

  /// Keeps the bytes valid and unchanged until the pin ends, whatever happens to the handle.
  /// - Throws: ``NativeBufferError`` where the buffer was disposed, is being changed, or has 262,143 pins.
  @inlinable
  public func pin() throws(NativeBufferError) -> Pin { unsafe try pin(base: block.base, byteCount: byteCount) }

  /// Keeps the bytes valid, and for the pin's holder alone, until the pin ends.
  /// - Throws: ``NativeBufferError`` where the buffer was disposed or is in use.
  @inlinable
  public func pinMutable() throws(NativeBufferError) -> MutablePin {
    unsafe try pinMutable(base: block.base, byteCount: byteCount)
  }

  /// Runs a closure under a shared pin. Not by way of a `Pin`: the optimiser would put that on the heap.
  @inlinable
  @inline(__always)
  func sharing<R: ~Copyable>(_ body: () throws -> R) throws -> R {
    let outcome = block.entry.pin(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    defer { if block.entry.unpin() { Block.releasePinned(block.entry) } }
    return try body()
  }

  /// Runs a closure under the exclusive pin.
  @inlinable
  @inline(__always)
  func excluding<R: ~Copyable>(_ body: () throws -> R) throws -> R {
    let outcome = block.entry.pinExclusively(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    defer { if block.entry.unpinExclusively() { Block.releasePinned(block.entry) } }
    return try body()
  }

  /// A pin whose bytes are a part of the buffer's.
  @inlinable
  func pin(base: UnsafeMutableRawPointer, byteCount: Int) throws(NativeBufferError) -> Pin {
    let outcome = block.entry.pin(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    return unsafe Pin(entry: block.entry, base: base, byteCount: byteCount)
  }

  /// A mutable pin whose bytes are a part of the buffer's; it locks the whole buffer.
  @inlinable
  func pinMutable(base: UnsafeMutableRawPointer, byteCount: Int) throws(NativeBufferError) -> MutablePin {
    let outcome = block.entry.pinExclusively(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    return unsafe MutablePin(entry: block.entry, base: base, byteCount: byteCount)
  }
}
