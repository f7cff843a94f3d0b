// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Block {
  /// Takes a block for a new handle, and lets a closure fill it from its first byte on. The rest becomes zero.
  /// - Parameter failure: makes the error of the closure's type for a block that was refused.
  /// - Throws: ``NativeBufferError`` as ``acquire(_:alignment:contents:arena:file:line:function:)``; what the closure
  ///   throws. No block is taken then.
  @inlinable
  static func acquire<E: Error>(
    _ byteCount: Int, alignment: Int, arena: Arena?, file: StaticString, line: UInt, function: StaticString,
    _ failure: (NativeBufferError) -> E, initializingWith initializer: (inout OutputRawSpan) throws(E) -> Void
  ) throws(E) -> Block {
    let block: Block
    do throws(NativeBufferError) {
      block = try acquire(
        byteCount, alignment: alignment, contents: .uninitialized, arena: arena, file: file, line: line,
        function: function)
    } catch {
      throw failure(error)
    }
    try block.initialize(initializer)
    return block
  }

  /// Lets a closure write the bytes, and zeroes the rest. Releases the block if the closure throws.
  @usableFromInline
  func initialize<E: Error>(_ initializer: (inout OutputRawSpan) throws(E) -> Void) throws(E) {
    let memory = unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    do throws(E) {
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
  func write<E: Error>(
    into memory: UnsafeMutableRawBufferPointer, _ initializer: (inout OutputRawSpan) throws(E) -> Void
  ) throws(E) -> Int {
    var span = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    let result: Result<Void, E>
    do throws(E) { result = .success(try initializer(&span)) } catch { result = .failure(error) }
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
