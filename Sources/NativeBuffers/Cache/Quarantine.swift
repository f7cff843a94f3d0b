// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// Holds released blocks back on purpose, to find code that uses memory after its release. For debugging: see
/// Spans-And-Closures.md.
///
/// `NATIVE_BUFFERS_QUARANTINE=64` in the environment holds the last 64 MiB of released blocks, of all arenas together.
/// Each block is filled with one byte value, and is not used again until blocks that were released later fill the
/// limit. The block must still be full of that value then; if not, the program ends and names the line that created the
/// buffer. Threads keep no blocks of their own meanwhile, so every buffer takes the slow path. Adopted memory goes to
/// its deallocator as always.
package enum Quarantine {
  /// The byte that held blocks are filled with.
  package static let filler: UInt8 = 0xDB

  /// The most bytes that may be held; if 0, no block is held. Changes only before the first buffer is made.
  private static let byteLimit = Atomic<Int>(limitOfEnvironment())
  static var isOn: Bool { byteLimit.load(ordering: .relaxed) > 0 }

  private static let lock = RankedLock(.quarantine)
  /// Held entries, the oldest first.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var held: [LedgerEntry] = []
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var heldByteCount = 0

  static func makeStatics() {
    ForkGuard.touch(byteLimit)
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(held)
    unsafe ForkGuard.touch(heldByteCount)
  }

  /// Turns the quarantine on in a process that has made no buffer yet; for tests.
  package static func begin(byteLimit limit: Int) { byteLimit.store(limit, ordering: .relaxed) }

  private static func limitOfEnvironment() -> Int {
    guard let text = unsafe getenv("NATIVE_BUFFERS_QUARANTINE") else { return 0 }
    guard let mebibytes = Int(unsafe String(cString: text)), (0...1 << 30).contains(mebibytes) else {
      let line = "NativeBuffers: NATIVE_BUFFERS_QUARANTINE is no number of MiB, and is ignored.\n"
      _ = unsafe line.withCString { unsafe write(STDERR_FILENO, $0, strlen($0)) }
      return 0
    }
    return mebibytes << 20
  }

  /// Ends the life of a block whose release was claimed, and holds the block.
  /// - Returns: the blocks that need not be held any longer, the oldest first: they are idle and on no list. Nil if the
  ///   entry has had its last life: the block is not held then, and the caller must give it back.
  static func hold(_ entry: LedgerEntry) -> [LedgerEntry]? {
    // SAFETY: the life was claimed, so no handle and no pin reaches the memory any more.
    unsafe UnsafeMutableRawPointer(bitPattern: entry.address)?
      .initializeMemory(as: UInt8.self, repeating: filler, count: entry.capacity)
    guard entry.endLife(as: .quarantined) else { return nil }
    let limit = byteLimit.load(ordering: .relaxed)
    let old = lock.withLock {
      unsafe held.append(entry)
      unsafe heldByteCount += entry.capacity
      var count = 0
      while unsafe heldByteCount > limit {
        unsafe heldByteCount -= held[count].capacity
        count += 1
      }
      defer { unsafe held.removeFirst(count) }
      return unsafe Array(held.prefix(count))
    }
    old.forEach(end)
    return old
  }

  /// Lets an arena's blocks go. They are idle and on no list: they belong to the caller, which holds the arena's lock.
  static func takeAll(of domain: DomainNumber) -> [LedgerEntry] {
    guard isOn else { return [] }
    let taken = lock.withLock {
      let taken = unsafe held.filter { $0.classification.domain == domain }
      unsafe held.removeAll { $0.classification.domain == domain }
      unsafe heldByteCount -= taken.reduce(0) { $0 + $1.capacity }
      return taken
    }
    taken.forEach(end)
    return taken
  }

  private static func end(_ entry: LedgerEntry) {
    let block = unsafe UnsafeRawBufferPointer(
      start: UnsafeRawPointer(bitPattern: entry.address), count: entry.capacity)
    if let place = unsafe block.firstIndex(where: { $0 != filler }) {
      fatalError(
        "NativeBuffers: byte \(place) of the buffer created at \(Ledger.shared.site(entry.site)) was written after the "
          + "buffer was released. Something kept a span or an address of it.")
    }
    entry.setState(.idle)
  }
}
