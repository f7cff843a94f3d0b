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

  /// Lets a closure write the bytes, and zeroes the rest. Releases the block if the closure throws. When the closure
  /// ends, by return or by error, the span must still be the lent span: see LentSpan.swift.
  @usableFromInline
  func initialize(_ initializer: (inout OutputRawSpan) throws -> Void) throws {
    let memory = unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    var span = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    let result: Result<Void, any Error>
    do { result = .success(try initializer(&span)) } catch { result = .failure(error) }
    guard span.capacity == byteCount,
      unsafe span.bytes.withUnsafeBytes({ unsafe $0.baseAddress == UnsafeRawPointer(base) })
    else {
      NativeBuffer.failExchanged(Ledger.shared.site(entry.site))
    }
    let count = unsafe span.finalize(for: memory)
    if case .failure(let error) = result {
      disposeUnshared()
      throw error
    }
    unsafe (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: byteCount - count)
  }
}
