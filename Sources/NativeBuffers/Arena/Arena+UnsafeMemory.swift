// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

extension Arena {
  /// Allocates memory that the ledger does not know: audits report it as an `orphan`.
  ///
  /// For code that keeps its own books. The memory is uninitialised, aligned to `alignment` bytes (at least to 64), and
  /// stays until ``unsafeDeallocate(_:)``.
  /// - Throws: ``ArenaError`` if the size or the alignment is invalid, memory is exhausted, or the arena was destroyed.
  public func unsafeAllocate(byteCount: Int, alignment: Int = 64) throws(ArenaError) -> UnsafeMutableRawPointer {
    let request = try Request(byteCount: byteCount, alignment: alignment)
    return try unsafe lock.withLock { () throws(ArenaError) in unsafe try allocate(request, zeroed: false) }
  }

  /// Frees what ``unsafeAllocate(byteCount:alignment:)`` of this arena returned. Must be called once for it.
  ///
  /// Traps if the address belongs to another arena or to none. A second call for the same address is not always
  /// noticed, and corrupts the arena. If the process's `malloc` is not jemalloc's, an address from that `malloc` ends
  /// the process without a message: jemalloc cannot be asked about addresses that it never had.
  public func unsafeDeallocate(_ pointer: UnsafeMutableRawPointer) {
    let owner = unsafe Mallctl.arenaIndex(owning: pointer)
    guard owner == index else {
      let found = owner.map { "to jemalloc's arena \($0)" } ?? "to no arena of jemalloc"
      unsafe fatalError(
        "NativeBuffers: \(pointer) was given to arena \"\(name)\" (\(index)) to free, but belongs \(found).")
    }
    lock.withLock { unsafe deallocate(pointer) }
    noticeUnusedPages()
  }

  /// Releases memory of any arena, in the shape of C's `free`: for C code that is handed such memory together with a
  /// function to release it. Works with any `malloc` of the process. Ignores a null pointer.
  ///
  /// The ledger learns of it only at the next audit, and counts the block as detached until then.
  public static var unsafeDeallocator: @convention(c) (UnsafeMutableRawPointer?) -> Void {
    { pointer in unsafe cjemalloc_free(pointer) }
  }

  /// Releases a detached block. Also releases its entry, unless an audit has done so: if an audit sees that a detached
  /// block of the same size class was freed, it cannot tell which one it was.
  package func releaseDetached(_ pointer: UnsafeMutableRawPointer, entry: LedgerEntry, word: EntryWord) {
    lock.withLock {
      if entry.word == word {
        _ = entry.endLife(as: .free)
        releaseEntry(entry, in: .shared)
      }
      unsafe deallocate(pointer)
    }
    noticeUnusedPages()
  }
}
