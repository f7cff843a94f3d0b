// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import SystemPackage

/// Collects bytes whose number is not known before, and hands them on as a buffer, without a last copy.
///
///     var writer = try NativeByteWriter(reserving: 4_096)
///     try writer.append(contentsOf: "header\n".utf8)
///     try writer.append(0)
///     let buffer = writer.finish()
///     buffer.dispose()
///
/// For encoders and streams. If there is no room, the bytes move to a block of at least twice the size, so that
/// appending n bytes copies at most 2n. Until ``finish()``, the ledger has the memory with the line that created the
/// writer. A writer that ends without `finish()`, for example because of an error, disposes its memory: that is no
/// rescue.
// SAFETY: there is one owner; the bytes are reached only by its functions.
@safe public struct NativeByteWriter: ~Copyable, @unchecked Sendable {
  private var owned: OwnedBlock
  /// The bytes that were appended.
  public private(set) var count = 0
  private let place: Block.Place

  /// Creates a writer without bytes.
  /// - Parameters:
  ///   - byteCount: how many bytes it has room for at first, 0 or more.
  ///   - arena: the arena that the memory comes from; nil for the shared one.
  ///   - file: with `line` and `function`, the site that reports name. Leave all three to their defaults.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: ``NativeBufferError`` as `NativeBuffer`.
  public init(
    reserving byteCount: Int = 0, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    try self.init(reserving: byteCount, Block.Place(64, arena, file, line, function))
  }

  init(reserving byteCount: Int, _ place: Block.Place) throws(NativeBufferError) {
    self.place = place
    owned = OwnedBlock(block: try Block.acquire(byteCount, contents: .uninitialized, place))
  }

  private var block: Block { owned.block }

  var site: Site { Ledger.shared.site(block.entry.site) }

  /// The bytes that there is room for, with those that were appended.
  public var capacity: Int { block.byteCount }

  /// The bytes that were appended. The span cannot outlive the writer, and ends with the next change.
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get { unsafe _overrideLifetime(RawSpan(_unsafeStart: block.base, byteCount: count), borrowing: self) }
  }

  /// Makes room for so many further bytes, if there is less.
  /// - Throws: ``NativeBufferError`` as `NativeBuffer`, also for a negative number. Nothing is lost then.
  /// - Complexity: O(n) in the bytes that were appended, if there is less room.
  public mutating func reserve(_ byteCount: Int) throws(NativeBufferError) {
    guard byteCount >= 0, byteCount <= LedgerEntry.largestByteCount else {
      throw NativeBufferError(.invalidByteCount(byteCount), created: site)
    }
    guard byteCount > capacity - count else { return }
    let larger = try Block.acquire(max(count + byteCount, 2 * capacity, 64), contents: .uninitialized, place)
    unsafe larger.base.copyMemory(from: block.base, byteCount: count)
    owned = OwnedBlock(block: larger)
  }

  /// Appends one byte.
  /// - Throws: ``NativeBufferError`` as ``reserve(_:)``. Nothing is lost or appended then.
  public mutating func append(_ byte: UInt8) throws(NativeBufferError) {
    try reserve(1)
    unsafe block.base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count += 1
  }

  /// Appends the bytes of a span.
  /// - Throws: as ``append(_:)-(UInt8)``.
  public mutating func append(_ bytes: RawSpan) throws(NativeBufferError) {
    try reserve(bytes.byteCount)
    let end = unsafe block.base + count
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe UnsafeMutableRawBufferPointer(start: end, count: bytes.count).copyMemory(from: bytes)
    }
    count += bytes.byteCount
  }

  /// Appends the bytes of a sequence: of an array, of `Data`, of a string's `utf8`.
  /// - Throws: as ``append(_:)-(UInt8)``; the bytes of a sequence that does not have them in one place may have been
  ///   appended in part then.
  public mutating func append(contentsOf bytes: some Sequence<UInt8>) throws(NativeBufferError) {
    var outcome: Result<Void, NativeBufferError>?
    bytes.withContiguousStorageIfAvailable { bytes in
      outcome = Result { () throws(NativeBufferError) in unsafe try append(bytes.span.bytes) }
    }
    if let outcome { return try outcome.get() }
    for byte in bytes { try append(byte) }
  }

  /// Appends bytes that a closure writes into memory of the writer.
  /// - Parameters:
  ///   - byteCount: how many bytes the closure may write. It may write fewer.
  ///   - initializer: writes from the first byte of its span on. If it leaves another span in place of its own, the
  ///     program ends.
  /// - Throws: ``NativeBufferError`` as ``reserve(_:)``; what the closure throws: then nothing is appended.
  public mutating func append(
    upTo byteCount: Int, initializingWith initializer: (inout OutputRawSpan) throws(NativeBufferError) -> Void
  ) throws(NativeBufferError) {
    try reserve(byteCount)
    try write(byteCount, initializer)
  }

  /// As ``append(upTo:initializingWith:)``, for a closure that throws any error.
  @_disfavoredOverload
  public mutating func append(
    upTo byteCount: Int, initializingWith initializer: (inout OutputRawSpan) throws -> Void
  ) throws {
    try reserve(byteCount)
    try write(byteCount, initializer)
  }

  /// Appends at most so many bytes, for which there is room.
  private mutating func write<E: Error>(
    _ byteCount: Int, _ initializer: (inout OutputRawSpan) throws(E) -> Void
  ) throws(E) {
    let memory = unsafe UnsafeMutableRawBufferPointer(start: block.base + count, count: byteCount)
    count += unsafe try block.write(into: memory, initializer)
  }

  /// Appends what one call reads into the room that there is.
  /// - Parameter byteCount: at most the room.
  mutating func read(from file: FileDescriptor, upTo byteCount: Int) throws(NativeBufferError) -> Int {
    let memory = unsafe UnsafeMutableRawBufferPointer(start: block.base + count, count: byteCount)
    do {
      let read = unsafe try FileTransfer.read(.some, from: file, at: nil, into: memory)
      count += read
      return read
    } catch {
      throw NativeBufferError(.file(error), created: site)
    }
  }

  /// The bytes as a buffer. Its memory, its ledger entry and its site are the writer's. It may have room behind the
  /// bytes, at most as much as the bytes take or was reserved; ``NativeBuffer/copied(arena:file:line:function:)`` has
  /// none.
  /// - Complexity: O(1).
  public consuming func finish() -> NativeBuffer {
    let block = finishedBlock()
    return NativeBuffer(block: block, site: block.entry.site)
  }

  /// The bytes as a block of exactly their number.
  consuming func finishedBlock() -> Block {
    let count = count
    let block = owned.take()
    block.entry.byteCount = count
    return unsafe Block(base: block.base, byteCount: count, entry: block.entry, key: block.key)
  }
}

/// A block that is disposed at the end of its owner, unless it is taken out.
private struct OwnedBlock: ~Copyable {
  let block: Block

  deinit { block.disposeUnshared() }

  consuming func take() -> Block {
    let block = block
    discard self
    return block
  }
}
