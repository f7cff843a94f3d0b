// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Block {
  /// Takes a block for a new handle, and lets a closure fill it from its first byte on. The rest becomes zero.
  /// - Throws: ``NativeBufferError`` as ``acquire(_:alignment:contents:arena:file:line:function:)``; what the closure
  ///   throws. No block is taken then.
  @inlinable
  static func acquire(
    _ byteCount: Int, alignment: Int, arena: Arena?, file: StaticString, line: UInt, function: StaticString,
    initializingWith initializer: (inout OutputRawSpan) throws -> Void
  ) throws -> Block {
    let block = try acquire(
      byteCount, alignment: alignment, contents: .uninitialized, arena: arena, file: file, line: line,
      function: function)
    try block.initialize(initializer)
    return block
  }

  /// Lets a closure write the bytes, and zeroes the rest. Releases the block if the closure throws.
  @usableFromInline
  func initialize(_ initializer: (inout OutputRawSpan) throws -> Void) throws {
    let memory = unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    do {
      let count = unsafe try write(into: memory, initializer)
      unsafe (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: byteCount - count)
    } catch {
      disposeUnshared()
      throw error
    }
  }

  /// Lets a closure write some of this block's bytes, from the first one on. When the closure ends, by return or by
  /// error, the span must still be the lent span: see LentSpan.swift.
  /// - Returns: how many bytes the closure wrote.
  @unsafe
  func write(
    into memory: UnsafeMutableRawBufferPointer, _ initializer: (inout OutputRawSpan) throws -> Void
  ) throws -> Int {
    var span = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    let result: Result<Void, any Error>
    do { result = .success(try initializer(&span)) } catch { result = .failure(error) }
    guard span.capacity == memory.count,
      unsafe span.bytes.withUnsafeBytes({ unsafe $0.baseAddress == UnsafeRawPointer(memory.baseAddress) })
    else {
      NativeBuffer.failExchanged(Ledger.shared.site(entry.site))
    }
    let count = unsafe span.finalize(for: memory)
    try result.get()
    return count
  }
}
