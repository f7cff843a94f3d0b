// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The arenas of this process. Keeps each arena until it is destroyed.
package enum ArenaDirectory {
  private static let lock = RankedLock(.arenaDirectory)
  /// The arenas in the order in which they were made.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var arenas: [Arena] = []
  private static let byDomain = ArenasByDomain()

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(arenas)
    ForkGuard.touch(byDomain)
  }

  static func add(_ arena: Arena) {
    lock.withLock {
      // Two threads may add their arenas in the other order.
      let index = unsafe arenas.lastIndex { $0.lock.order < arena.lock.order }.map { $0 + 1 } ?? 0
      unsafe arenas.insert(arena, at: index)
      byDomain.set(arena, at: arena.domain.number)
    }
  }

  /// Called for an arena that was destroyed, before another domain can get its domain's number.
  static func remove(_ arena: Arena) {
    lock.withLock {
      unsafe arenas.removeAll { $0 === arena }
      byDomain.set(nil, at: arena.domain.number)
    }
  }

  /// All arenas, in the order in which they were made. Their locks are taken in this order.
  package static var all: [Arena] { lock.withLock { unsafe arenas } }

  /// Calls a closure for each arena that has had idle blocks, under ``Maintenance/workLock``.
  static func forEachUsed(_ body: (Arena) -> Void) {
    for arena in all where arena.depotIfMade != nil { Maintenance.workLock.withLock { body(arena) } }
  }

  /// The arena that an entry's block came from; nil if the entry has no arena. Takes no lock. The caller has the block,
  /// which keeps the arena from being destroyed.
  static func arena(of entry: LedgerEntry) -> Arena? { byDomain.arena(at: entry.classification.domain) }
}

/// The arena of each domain number, read without a lock. A thread that returns a block has only the block's ledger
/// entry, which has the domain's number; from there it must reach the arena's depot in constant time, and must not wait
/// for a thread that makes or destroys an arena.
// SAFETY: slots are atomic. The directory keeps an arena for as long as its slot has it, and a thread that reads a slot
// has a block of the arena, which keeps the arena from being destroyed.
@safe private final class ArenasByDomain: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Atomic<UInt>>
  private static var count: Int { LedgerLayout.domainCapacity }

  init() {
    // The kernel zeroes the memory when it is first used, so a process without buffers does not pay for it.
    guard let memory = unsafe calloc(Self.count, MemoryLayout<Atomic<UInt>>.stride) else {
      fatalError("NativeBuffers: no memory for the table of arenas")
    }
    // SAFETY: an atomic zero consists of zero bytes.
    unsafe slots = memory.bindMemory(to: Atomic<UInt>.self, capacity: Self.count)
  }

  func set(_ arena: Arena?, at domain: DomainNumber) {
    let address = arena.map { unsafe UInt(bitPattern: Unmanaged.passUnretained($0).toOpaque()) } ?? 0
    unsafe slots[Int(domain.rawValue)].store(address, ordering: .releasing)
  }

  func arena(at domain: DomainNumber) -> Arena? {
    let address = unsafe slots[Int(domain.rawValue)].load(ordering: .acquiring)
    guard let object = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
    return unsafe Unmanaged<Arena>.fromOpaque(object).takeUnretainedValue()
  }
}
