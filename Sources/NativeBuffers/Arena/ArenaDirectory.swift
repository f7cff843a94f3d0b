// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
package import ResourceLedger
import Synchronization

/// The arenas of this process. Holds each until it is destroyed.
package enum ArenaDirectory {
  /// Held while a thread works through an arena's unused memory for longer than the arena's slow path may wait: no arena is
  /// destroyed meanwhile. Taken before the arena's own lock.
  package static let upkeep = RankedLock(.upkeep)

  private static let lock = RankedLock(.arenaDirectory)
  /// In the order in which they were made. Guarded by `lock`.
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var arenas: [Arena] = []
  private static let byDomain = ArenasByDomain()

  static func makeStatics() {
    ForkGuard.touch(upkeep)
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(arenas)
    ForkGuard.touch(byDomain)
  }

  static func add(_ arena: Arena) {
    lock.withLock {
      unsafe arenas.append(arena)
      byDomain.set(arena, at: arena.domain.number)
    }
  }

  /// For an arena that was destroyed, before its domain's number is given to another one.
  static func remove(_ arena: Arena) {
    lock.withLock {
      unsafe arenas.removeAll { $0 === arena }
      byDomain.set(nil, at: arena.domain.number)
    }
  }

  /// All arenas, in the order in which they were made, which is that in which their locks are taken.
  package static var all: [Arena] {
    lock.withLock { unsafe arenas }.sorted { $0.lock.order < $1.lock.order }
  }

  /// The arena of a domain; nil for a domain of another kind, and for one whose arena was destroyed.
  package static func arena(_ domain: DomainID) -> Arena? {
    lock.withLock { unsafe arenas.first { $0.domain == domain } }
  }

  /// The depot of the arena that an entry's block came from; nil for an entry without an arena. Takes no lock. The caller
  /// has the block, which keeps the arena from being destroyed.
  static func depot(of entry: LedgerEntry) -> Depot? { byDomain.depot(at: entry.classification.domain) }
}

/// The arena of each domain number, read without a lock.
// SAFETY: slots are atomic. The directory keeps an arena for as long as its slot has it, and whoever reads a slot has a
// block of the arena, which keeps it from being destroyed.
@safe private final class ArenasByDomain: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Atomic<UInt>>
  private static let count = 1 << 13

  init() {
    // The kernel zeroes the memory when it is first used, so that a process without buffers pays for none.
    guard let memory = unsafe calloc(Self.count, MemoryLayout<Atomic<UInt>>.stride) else {
      fatalError("NativeBuffers: no memory for the table of arenas")
    }
    // SAFETY: an atomic zero is zero bytes.
    unsafe slots = memory.bindMemory(to: Atomic<UInt>.self, capacity: Self.count)
  }

  func set(_ arena: Arena?, at domain: DomainNumber) {
    let address = arena.map { unsafe UInt(bitPattern: Unmanaged.passUnretained($0).toOpaque()) } ?? 0
    unsafe slots[Int(domain.rawValue)].store(address, ordering: .releasing)
  }

  func depot(at domain: DomainNumber) -> Depot? {
    let address = unsafe slots[Int(domain.rawValue)].load(ordering: .acquiring)
    guard let object = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
    return unsafe Unmanaged<Arena>.fromOpaque(object)._withUnsafeGuaranteedRef { $0.depotIfMade }
  }
}
