// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// A witness that a buffer's bytes stay valid and unchanged while it lives.
///
/// If the buffer is disposed or its handle is gone, its memory is released when its last pin ends. Taking a pin costs
/// one atomic operation, and so does ending it. A pin may end on another thread than it was taken on.
// SAFETY: the shared pin keeps the memory alive and free of writers.
@frozen
@safe public struct Pin: ~Copyable, @unchecked Sendable {
  @usableFromInline let entry: LedgerEntry
  @usableFromInline package let base: UnsafeRawPointer
  public let byteCount: Int

  /// The caller holds a shared pin of the entry. This value takes that pin over.
  @inlinable
  init(entry: LedgerEntry, base: UnsafeRawPointer, byteCount: Int) {
    self.entry = entry
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// The pinned bytes. The span cannot outlive the pin.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self) }
  }

  /// The pinned bytes one by one. The span cannot outlive the pin, and is safe to read in strict mode, too.
  @inlinable
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // SAFETY: the pin keeps the bytes, which are initialised.
      let start = unsafe base.assumingMemoryBound(to: UInt8.self)
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: byteCount), borrowing: self)
    }
  }

  @inlinable
  deinit { if entry.unpin() { Block.releasePinned(entry) } }
}

/// A witness that a buffer's bytes stay valid, and that only the pin's holder uses them, while it lives.
// SAFETY: the exclusive pin keeps the memory alive and excludes every other access.
@frozen
@safe public struct MutablePin: ~Copyable, @unchecked Sendable {
  @usableFromInline let entry: LedgerEntry
  @usableFromInline package let base: UnsafeMutableRawPointer
  public let byteCount: Int

  /// The caller holds the exclusive pin of the entry. This value takes that pin over.
  @inlinable
  init(entry: LedgerEntry, base: UnsafeMutableRawPointer, byteCount: Int) {
    self.entry = entry
    unsafe self.base = base
    self.byteCount = byteCount
  }

  /// The pinned bytes. The span cannot outlive the pin.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RawSpan(_unsafeStart: base, byteCount: byteCount), borrowing: self) }
  }

  /// The pinned bytes, to change. The span cannot outlive the pin.
  @inlinable
  public var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      unsafe _overrideLifetime(MutableRawSpan(_unsafeStart: base, byteCount: byteCount), mutating: &self)
    }
  }

  /// The pinned bytes one by one. The span cannot outlive the pin.
  @inlinable
  public var span: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      // SAFETY: the pin keeps the bytes, which are initialised.
      let start = unsafe UnsafePointer(base.assumingMemoryBound(to: UInt8.self))
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: byteCount), borrowing: self)
    }
  }

  /// The pinned bytes one by one, to change. The span cannot outlive the pin.
  @inlinable
  public var mutableSpan: MutableSpan<UInt8> {
    @_lifetime(&self)
    mutating get {
      // SAFETY: the pin keeps the bytes, which are initialised, for its holder alone.
      let start = unsafe base.assumingMemoryBound(to: UInt8.self)
      return unsafe _overrideLifetime(MutableSpan(_unsafeStart: start, count: byteCount), mutating: &self)
    }
  }

  @inlinable
  deinit { if entry.unpinExclusively() { Block.releasePinned(entry) } }
}
