// SPDX-License-Identifier: Apache-2.0

// The bytes as elements of another type than UInt8. Each view checks that the first byte is aligned for the type, and
// that no bytes are left over at the end.

extension NativeBuffer {
  /// Calls a closure with the bytes as elements of a type.
  ///
  ///     let sum = try buffer.withSpan(of: Float.self) { samples in samples.indices.reduce(0) { $0 + samples[$1] } }
  ///
  /// - Throws: as `withBytes(_:)`; ``NativeBufferError/Code/misaligned`` if the first byte is not aligned for the
  ///   type (a buffer's first byte is aligned to 64 unless you asked for less);
  ///   ``NativeBufferError/Code/remainder`` if the bytes are no whole number of elements.
  @inlinable
  public func withSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (Span<Element>) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try unsafe withSpan(of: type, at: block.base, byteCount: byteCount, { $0 }, body)
  }

  /// Calls a closure with the bytes as elements of a type, which it may change. The span must stay in its place: if the
  /// closure leaves another span there, the program ends.
  /// - Throws: as `withMutableBytes(_:)` and `withSpan(of:_:)`.
  @inlinable
  public func withMutableSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (inout MutableSpan<Element>) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try unsafe withMutableSpan(of: type, at: block.base, byteCount: byteCount, { $0 }, body)
  }

  /// Parameters are those of ``withBytes(at:byteCount:_:_:)``.
  @inlinable
  func withSpan<Element: NativeElement, R: ~Copyable, E: Error>(
    of type: Element.Type, at base: UnsafeMutableRawPointer, byteCount: Int, _ failure: (NativeBufferError) -> E,
    _ body: (Span<Element>) throws(E) -> R
  ) throws(E) -> R {
    try sharing(failure) { () throws(E) in
      let count = try elementCount(of: type, at: UInt(bitPattern: base), byteCount: byteCount, failure)
      // SAFETY: any bits are a value of the type; the pin keeps the bytes, which are initialised.
      let start = unsafe UnsafePointer(base.assumingMemoryBound(to: type))
      return try body(unsafe Span(_unsafeStart: start, count: count))
    }
  }

  /// Parameters are those of ``withBytes(at:byteCount:_:_:)``.
  @inlinable
  func withMutableSpan<Element: NativeElement, R: ~Copyable, E: Error>(
    of type: Element.Type, at base: UnsafeMutableRawPointer, byteCount: Int, _ failure: (NativeBufferError) -> E,
    _ body: (inout MutableSpan<Element>) throws(E) -> R
  ) throws(E) -> R {
    try excluding(failure) { () throws(E) in
      let count = try elementCount(of: type, at: UInt(bitPattern: base), byteCount: byteCount, failure)
      // SAFETY: as above; the pin is exclusive.
      let start = unsafe base.assumingMemoryBound(to: type)
      var span = unsafe MutableSpan(_unsafeStart: start, count: count)
      defer { if unsafe !span.starts(at: base) { failExchanged() } }
      return try body(&span)
    }
  }

  /// The caller has a pin.
  @inlinable
  @inline(__always)
  func elementCount<Element: NativeElement, E: Error>(
    of type: Element.Type, at address: UInt, byteCount: Int, _ failure: (NativeBufferError) -> E
  ) throws(E) -> Int {
    do throws(NativeBufferError) {
      return try ElementCount.of(type, at: address, byteCount: byteCount, entry: block.entry)
    } catch {
      throw failure(error)
    }
  }
}

extension NativeBufferSlice {
  /// As `NativeBuffer/withSpan(of:_:)`, for the slice's bytes. The slice's own first byte must be aligned.
  public func withSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (Span<Element>) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try unsafe buffer.withSpan(of: type, at: start, byteCount: byteCount, { $0 }, body)
  }

  /// As `NativeBuffer/withMutableSpan(of:_:)`, for the slice's bytes. The slice's own first byte must be aligned.
  public func withMutableSpan<Element: NativeElement, R: ~Copyable>(
    of type: Element.Type, _ body: (inout MutableSpan<Element>) throws(NativeBufferError) -> R
  ) throws(NativeBufferError) -> R {
    try unsafe buffer.withMutableSpan(of: type, at: start, byteCount: byteCount, { $0 }, body)
  }
}

extension Pin {
  /// The pinned bytes as elements of a type. The span cannot outlive the pin.
  /// - Throws: ``NativeBufferError`` with the code `misaligned` or `remainder`, as
  ///   `NativeBuffer/withSpan(of:_:)`.
  @inlinable
  @_lifetime(borrow self)
  public func span<Element: NativeElement>(of type: Element.Type) throws(NativeBufferError) -> Span<Element> {
    let count = try ElementCount.of(type, at: UInt(bitPattern: unsafe base), byteCount: byteCount, entry: entry)
    // SAFETY: any bits are a value of the type; the pin keeps the bytes, which are initialised.
    let start = unsafe base.assumingMemoryBound(to: type)
    return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
  }
}

extension MutablePin {
  /// The pinned bytes as elements of a type. The span cannot outlive the pin.
  /// - Throws: ``NativeBufferError`` with the code `misaligned` or `remainder`, as
  ///   `NativeBuffer/withSpan(of:_:)`.
  @inlinable
  @_lifetime(borrow self)
  public func span<Element: NativeElement>(of type: Element.Type) throws(NativeBufferError) -> Span<Element> {
    let count = try ElementCount.of(type, at: UInt(bitPattern: unsafe base), byteCount: byteCount, entry: entry)
    // SAFETY: as in `Pin`.
    let start = unsafe UnsafePointer(base.assumingMemoryBound(to: type))
    return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
  }

  /// The pinned bytes as elements of a type, to change. The span cannot outlive the pin.
  /// - Throws: as ``span(of:)``.
  @inlinable
  @_lifetime(&self)
  public mutating func mutableSpan<Element: NativeElement>(
    of type: Element.Type
  ) throws(NativeBufferError) -> MutableSpan<Element> {
    let count = try ElementCount.of(type, at: UInt(bitPattern: unsafe base), byteCount: byteCount, entry: entry)
    // SAFETY: as in `Pin`; the pin is exclusive.
    let start = unsafe base.assumingMemoryBound(to: type)
    return unsafe _overrideLifetime(MutableSpan(_unsafeStart: start, count: count), mutating: &self)
  }
}

extension UniqueBuffer {
  /// The bytes as elements of a type. The span cannot outlive the buffer.
  /// - Throws: ``NativeBufferError`` with the code `misaligned` or `remainder`, as
  ///   `NativeBuffer/withSpan(of:_:)`.
  @inlinable
  @_lifetime(borrow self)
  public func span<Element: NativeElement>(of type: Element.Type) throws(NativeBufferError) -> Span<Element> {
    let count = try ElementCount.of(
      type, at: UInt(bitPattern: unsafe block.base), byteCount: byteCount, entry: block.entry)
    // SAFETY: any bits are a value of the type; the buffer keeps the bytes, which are initialised.
    let start = unsafe UnsafePointer(block.base.assumingMemoryBound(to: type))
    return unsafe _overrideLifetime(Span(_unsafeStart: start, count: count), borrowing: self)
  }

  /// The bytes as elements of a type, to change. The span cannot outlive the buffer.
  /// - Throws: as ``span(of:)``.
  @inlinable
  @_lifetime(&self)
  public mutating func mutableSpan<Element: NativeElement>(
    of type: Element.Type
  ) throws(NativeBufferError) -> MutableSpan<Element> {
    let count = try ElementCount.of(
      type, at: UInt(bitPattern: unsafe block.base), byteCount: byteCount, entry: block.entry)
    // SAFETY: as above; there is one owner.
    let start = unsafe block.base.assumingMemoryBound(to: type)
    return unsafe _overrideLifetime(MutableSpan(_unsafeStart: start, count: count), mutating: &self)
  }
}
