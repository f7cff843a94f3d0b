// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

extension Arena {
  /// A size class and an alignment that were checked: a request can be made with them.
  package struct Request: Sendable {
    /// Bytes of the size class.
    package let capacity: Int
    package let alignmentLog2: UInt32
    package let byteCount: Int

    /// - Throws: ``ArenaError`` if the size is negative or larger than the largest class, or if the alignment is not a
    ///   power of two from 1 to 2 MiB.
    package init(byteCount: Int, alignment: Int) throws(ArenaError) {
      guard alignment > 0, alignment <= 2 << 20, alignment & (alignment - 1) == 0 else {
        throw ArenaError(.invalidAlignment(alignment))
      }
      guard byteCount >= 0 else { throw ArenaError(.invalidByteCount(byteCount)) }
      let alignmentLog2 = max(UInt32(alignment.trailingZeroBitCount), SizeClass.blockAlignmentLog2)
      guard let capacity = SizeClass.byteCount(holding: byteCount, alignmentLog2: alignmentLog2) else {
        throw ArenaError(.invalidByteCount(byteCount))
      }
      self.byteCount = byteCount
      self.capacity = capacity
      self.alignmentLog2 = alignmentLog2
    }
  }

  /// Sets memory aside without jemalloc's thread caches. The caller holds `lock`.
  /// Cost: about 140 ns if jemalloc has the memory; a system call if it has not.
  package func allocate(_ request: Request, zeroed: Bool) throws(ArenaError) -> UnsafeMutableRawPointer {
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    let pointer =
      unsafe mustFail() ? nil : cjemalloc_allocate(request.capacity, index, request.alignmentLog2, zeroed)
    guard let pointer = unsafe pointer, unsafe leavesEnough(pointer) else {
      throw ArenaError(
        .outOfMemory(byteCount: request.byteCount, alignment: 1 << Int(request.alignmentLog2)), arena: name,
        shortage: .afterRequest(of: request.capacity))
    }
    unsafe holdings.blocks += 1
    unsafe holdings.classes.insert(SizeClass.index(holding: request.capacity))
    if configuration.prefersHugePages { unsafe askForHugePages(pointer, byteCount: request.capacity) }
    return unsafe pointer
  }

  /// Of what the process may map, this many bytes are left for `malloc`: if `malloc` had none, Swift would end the
  /// process before the error for it is made.
  private static let reservedByteCount = 8 << 20

  /// Whether enough is left beside a new block. If not, gives the block back.
  private func leavesEnough(_ pointer: UnsafeMutableRawPointer) -> Bool {
    guard isMappingLimited, let left = ProcessMemory.mappableByteCount, left < Self.reservedByteCount
    else { return true }
    unsafe cjemalloc_deallocate(pointer)
    try? Mallctl.call("arena.\(index).purge")
    return false
  }

  private static let hugePageByteCount: UInt = 2 << 20

  /// Asks for huge pages for the whole huge pages inside a block. Pages that it shares with its neighbours stay as they
  /// are. If the kernel refuses, nothing else changes.
  private func askForHugePages(_ pointer: UnsafeMutableRawPointer, byteCount: Int) {
    let mask = Self.hugePageByteCount - 1
    let first = (UInt(bitPattern: pointer) + mask) & ~mask
    let end = (UInt(bitPattern: pointer) + UInt(byteCount)) & ~mask
    guard first < end, let start = unsafe UnsafeMutableRawPointer(bitPattern: first) else { return }
    unsafe madvise(start, Int(end - first), MADV_HUGEPAGE)
  }

  /// Gives a block of this arena back to jemalloc. The caller holds `lock`.
  package func deallocate(_ pointer: UnsafeMutableRawPointer) {
    unsafe holdings.blocks -= 1
    unsafe cjemalloc_deallocate(pointer)
  }

  private func mustFail() -> Bool {
    guard failureCountdown.load(ordering: .relaxed) > 0 else { return false }
    return failureCountdown.subtract(1, ordering: .relaxed).newValue == 0
  }

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
