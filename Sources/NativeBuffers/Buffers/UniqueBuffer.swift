// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// A handle to native memory with one owner. The compiler checks this: code that uses the handle after `dispose()` does
/// not compile, and its spans cannot outlive it. No object is allocated for it.
///
///     var scratch = try UniqueBuffer(byteCount: 4_096)
///     var bytes = scratch.mutableSpan
///     bytes[0] = 0xFF
///     scratch.dispose()
///
/// If the value goes out of scope without `dispose()`, it releases its memory, which is recorded as a rescue.
///
/// A class keeps it as an optional, and disposes it in its deinit: `take()` leaves nil in its place. The same holds for
/// an actor. Many buffers are kept in a ``UniqueBufferArray``, which disposes them itself; a fixed number of them also
/// in an `InlineArray` of optionals.
///
///     final class Frame {
///       var pixels: UniqueBuffer?
///       init(byteCount: Int) throws { pixels = try UniqueBuffer(byteCount: byteCount) }
///       deinit { pixels.take()?.dispose() }
///       func clear() {
///         pixels?.access { buffer in
///           var bytes = buffer.mutableSpan
///           bytes.update(repeating: 0)
///         }
///       }
///     }
// SAFETY: there is one owner; spans borrow it.
@frozen
@safe public struct UniqueBuffer: ~Copyable, @unchecked Sendable {
  @usableFromInline let block: Block

  /// Creates a buffer of zeros. Parameters, errors and cost are those of `NativeBuffer`.
  @inlinable
  @_disfavoredOverload
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    block = try Block.acquire(
      byteCount, alignment: alignment, contents: .zeroed, arena: arena, file: file, line: line, function: function)
  }

  /// Creates a buffer whose bytes are those that the last owner of the memory left. O(1). Parameters and errors are
  /// those of `NativeBuffer`.
  @inlinable
  @_disfavoredOverload
  public init(
    uninitializedByteCount byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    block = try Block.acquire(
      byteCount, alignment: alignment, contents: .uninitialized, arena: arena, file: file, line: line,
      function: function)
  }

  /// Creates a buffer that a closure fills from its first byte on. Bytes that the closure does not write are zero.
  /// Other parameters and errors are those of `NativeBuffer`.
  @inlinable
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    initializingWith initializer: (inout OutputRawSpan) throws(NativeBufferError) -> Void
  ) throws(NativeBufferError) {
    block = try Block.acquire(
      byteCount, alignment: alignment, arena: arena, file: file, line: line, function: function, { $0 },
      initializingWith: initializer)
  }

  /// As ``init(byteCount:alignment:arena:file:line:function:initializingWith:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    initializingWith initializer: (inout OutputRawSpan) throws -> Void
  ) throws {
    block = try Block.acquire(
      byteCount, alignment: alignment, arena: arena, file: file, line: line, function: function,
      { $0 as any Error }, initializingWith: initializer)
  }

  @inlinable
  deinit { block.rescueUnshared() }

  /// The bytes that were asked for.
  @inlinable
  public var byteCount: Int { block.byteCount }

  /// The line that created the buffer.
  public var site: Site { Ledger.shared.site(block.entry.site) }

  /// The bytes. The span cannot outlive the buffer.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RawSpan(_unsafeStart: block.base, byteCount: byteCount), borrowing: self) }
  }

  /// The bytes, to change. The span cannot outlive the buffer.
  @inlinable
  public var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(MutableRawSpan(_unsafeStart: block.base, byteCount: byteCount), mutating: &self)
    }
  }

  /// The bytes one by one. The span cannot outlive the buffer, and is safe to read in strict mode, too.
  @inlinable
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // SAFETY: the buffer keeps the bytes, which are initialised.
      let start = unsafe UnsafePointer(block.base.assumingMemoryBound(to: UInt8.self))
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: byteCount), borrowing: self)
    }
  }

  /// The bytes one by one, to change. The span cannot outlive the buffer.
  @inlinable
  public var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      // SAFETY: the buffer keeps the bytes, which are initialised, and has one owner.
      let start = unsafe block.base.assumingMemoryBound(to: UInt8.self)
      return unsafe _overrideLifetime(MutableSpan(_unsafeStart: start, count: byteCount), mutating: &self)
    }
  }

  /// Calls a closure with the bytes' address, which must not escape from the closure.
  @inlinable
  public borrowing func withUnsafeBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    unsafe try body(UnsafeRawBufferPointer(start: block.base, count: byteCount))
  }

  /// Calls a closure with the bytes' address, to change them. The address must not escape from the closure.
  @inlinable
  public mutating func withUnsafeMutableBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    unsafe try body(UnsafeMutableRawBufferPointer(start: block.base, count: byteCount))
  }

  /// Calls a closure with the buffer where it is, for example in a property of a class. Swift does not let code keep a
  /// span of such a buffer in a variable; in the closure it does.
  ///
  ///     var frames = UniqueBufferArray()
  ///     frames.append(try UniqueBuffer(byteCount: 4))
  ///     let first = try frames[0].access { buffer in try buffer.span(of: Float.self)[0] }
  ///
  /// Meanwhile no other code can use the buffer, or the property that it is in.
  @inlinable
  public mutating func access<R: ~Copyable, E: Error>(
    _ body: (inout UniqueBuffer) throws(E) -> R
  ) throws(E) -> R {
    try body(&self)
  }

  /// Gives the memory up now. Must not be called in a signal handler, as ``NativeBuffer/dispose(file:line:function:)``.
  @inlinable
  public consuming func dispose() {
    let block = block
    discard self
    block.disposeUnshared()
  }

  /// Makes the handle shared: the memory, its ledger entry and its site stay the same.
  @inlinable
  public consuming func share() -> NativeBuffer {
    let block = block
    discard self
    return NativeBuffer(block: block, site: block.entry.site)
  }
}
