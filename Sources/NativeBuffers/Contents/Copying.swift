// SPDX-License-Identifier: Apache-2.0

// Bytes that go into a buffer as a copy, and out of one.

extension NativeBuffer {
  /// Creates a buffer that has a copy of some bytes.
  /// - Parameters:
  ///   - bytes: for example `array.span.bytes`, or the bytes of another buffer's pin.
  ///   - alignment: A power of two, up to 4,096: the address is a multiple of it. 64 if not said.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: ``NativeBufferError`` as `init(byteCount:alignment:arena:file:line:function:)`.
  /// - Complexity: O(n).
  public convenience init(
    copying bytes: RawSpan, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    let place = Block.Place(alignment, arena, file, line, function)
    let block = try Block.acquire(copying: bytes, place)
    self.init(block: block, site: block.entry.site)
  }

  /// Creates a buffer that has a copy of some bytes: of an array, of `Data`, of a string's `utf8`.
  ///
  /// The bytes of a sequence that does not have them in one place are collected as by ``NativeByteWriter``: the block
  /// may be up to twice as large as they need.
  /// - Throws: ``NativeBufferError`` as `init(byteCount:alignment:arena:file:line:function:)`.
  /// - Complexity: O(n).
  public convenience init(
    copying bytes: some Sequence<UInt8>, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    let place = Block.Place(alignment, arena, file, line, function)
    let block = try Block.acquire(copying: bytes, place)
    self.init(block: block, site: block.entry.site)
  }

  /// A new buffer that has a copy of the bytes, aligned to 64, from the shared arena unless you name another one.
  /// - Throws: ``NativeBufferError`` as ``pin()`` and `init(byteCount:alignment:arena:file:line:function:)`.
  /// - Complexity: O(n).
  public func copied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) -> NativeBuffer {
    try slice(...).copied(arena: arena, file: file, line: line, function: function)
  }

  /// Copies some of the bytes to the beginning of other memory.
  /// - Parameters:
  ///   - destination: has room for them. Bytes behind them stay as they are.
  ///   - range: which bytes, counted from the buffer's first byte.
  /// - Throws: ``NativeBufferError`` as ``pin()``; ``NativeBufferError/Code/outOfBounds`` if the range does not lie
  ///   inside the buffer; ``NativeBufferError/Code/noRoom`` if it is longer than `destination`. Nothing is copied then.
  /// - Complexity: O(n).
  public func copyBytes(
    to destination: inout MutableRawSpan, from range: some RangeExpression<Int>
  ) throws(NativeBufferError) {
    try slice(range).copyBytes(to: &destination)
  }

  /// Copies all bytes to the beginning of other memory. Errors and cost are those of ``copyBytes(to:from:)``.
  public func copyBytes(to destination: inout MutableRawSpan) throws(NativeBufferError) {
    try slice(...).copyBytes(to: &destination)
  }
}

extension NativeBufferSlice {
  /// A new buffer that has a copy of the slice's bytes. It does not keep the slice's buffer alive.
  /// - Throws: as ``NativeBuffer/copied(arena:file:line:function:)``.
  public func copied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) -> NativeBuffer {
    let pin = try pin()
    let block = try Block.acquire(byteCount, contents: .uninitialized, Block.Place(64, arena, file, line, function))
    do throws(NativeBufferError) { unsafe try copy(pin, to: block.base) } catch {
      block.disposeUnshared()
      throw error
    }
    return NativeBuffer(block: block, site: block.entry.site)
  }

  /// As ``NativeBuffer/copyBytes(to:)``, for the slice's bytes.
  public func copyBytes(to destination: inout MutableRawSpan) throws(NativeBufferError) {
    guard destination.byteCount >= byteCount else {
      throw NativeBufferError(.noRoom(byteCount: byteCount, room: destination.byteCount), created: buffer.site)
    }
    let pin = try pin()
    unsafe try destination.withUnsafeMutableBytes { destination throws(NativeBufferError) in
      guard let start = destination.baseAddress else { return }
      unsafe try copy(pin, to: start)
    }
  }

  /// Copies the slice's bytes, of which the caller has a pin. A page that a mapped file no longer has is an error.
  func copy(_ pin: borrowing Pin, to destination: UnsafeMutableRawPointer) throws(NativeBufferError) {
    guard isOfMappedFile else { return unsafe destination.copyMemory(from: pin.base, byteCount: pin.byteCount) }
    do throws(FileFailure) {
      let bytes = unsafe UnsafeRawBufferPointer(start: pin.base, count: pin.byteCount)
      unsafe try FileTransfer.copyMapped(bytes, to: destination)
    } catch {
      throw NativeBufferError(.file(error), created: buffer.site)
    }
  }

  /// The caller has a pin.
  var isOfMappedFile: Bool { AdoptedMemory.mappedFiles.owns(buffer.block.entry) }
}

extension UniqueBuffer {
  /// Creates a buffer that has a copy of some bytes. Parameters, errors and cost are those of `NativeBuffer`.
  public init(
    copying bytes: RawSpan, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    block = try Block.acquire(copying: bytes, Block.Place(alignment, arena, file, line, function))
  }

  /// Creates a buffer that has a copy of some bytes. Parameters, errors and cost are those of `NativeBuffer`.
  public init(
    copying bytes: some Sequence<UInt8>, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    block = try Block.acquire(copying: bytes, Block.Place(alignment, arena, file, line, function))
  }
}

extension [UInt8] {
  /// A copy of a buffer's bytes.
  /// - Throws: ``NativeBufferError`` as ``NativeBuffer/pin()``.
  /// - Complexity: O(n).
  public init(_ buffer: NativeBuffer) throws(NativeBufferError) { try self.init(buffer.slice(...)) }

  /// A copy of a slice's bytes. Errors and cost are those of `init(_: NativeBuffer)`.
  public init(_ slice: NativeBufferSlice) throws(NativeBufferError) {
    let pin = try slice.pin()
    var failure: NativeBufferError?
    self = unsafe [UInt8](unsafeUninitializedCapacity: slice.byteCount) { memory, count in
      guard let start = memory.baseAddress else { return }
      do throws(NativeBufferError) {
        unsafe try slice.copy(pin, to: start)
        count = slice.byteCount
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// A copy of a buffer's bytes.
  /// - Complexity: O(n).
  public init(_ buffer: borrowing UniqueBuffer) { self = unsafe buffer.withUnsafeBytes { unsafe Array($0) } }
}

extension Block {
  /// What a new block has besides its bytes.
  struct Place {
    let alignment: Int
    let arena: Arena?
    let file: StaticString
    let line: UInt
    let function: StaticString

    init(_ alignment: Int, _ arena: Arena?, _ file: StaticString, _ line: UInt, _ function: StaticString) {
      self.alignment = alignment
      self.arena = arena
      self.file = file
      self.line = line
      self.function = function
    }
  }

  static func acquire(
    _ byteCount: Int, contents: Contents, _ place: Place
  ) throws(NativeBufferError) -> Block {
    try acquire(
      byteCount, alignment: place.alignment, contents: contents, arena: place.arena, file: place.file,
      line: place.line, function: place.function)
  }

  static func acquire(copying bytes: RawSpan, _ place: Place) throws(NativeBufferError) -> Block {
    let block = try acquire(bytes.byteCount, contents: .uninitialized, place)
    // No other code knows the block yet.
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe UnsafeMutableRawBufferPointer(start: block.base, count: block.byteCount).copyMemory(from: bytes)
    }
    return block
  }

  static func acquire(copying bytes: some Sequence<UInt8>, _ place: Place) throws(NativeBufferError) -> Block {
    let outcome = bytes.withContiguousStorageIfAvailable { bytes in
      Result { () throws(NativeBufferError) in unsafe try acquire(copying: bytes.span.bytes, place) }
    }
    if let outcome { return try outcome.get() }
    var writer = try NativeByteWriter(reserving: max(0, bytes.underestimatedCount), place)
    try writer.append(contentsOf: bytes)
    return writer.finishedBlock()
  }
}
