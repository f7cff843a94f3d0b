import NativeSynchronization
package import ResourceLedger
import Synchronization

/// The arenas of this process, by their domain. Holds each until it is destroyed.
package enum ArenaDirectory {
  private struct State {
    var arenas: [DomainID: Arena] = [:]
    var reclaim: (@Sendable (Arena) -> Void)?
    var forget: (@Sendable (Arena) -> Void)?
    var notice: (@Sendable (Arena) -> Void)?
  }

  /// Held by whoever works through an arena's unused memory for longer than its slow path may wait: no arena
  /// is destroyed meanwhile. Taken before the arena's own lock.
  package static let upkeep = RankedLock(.upkeep)

  private static let lock = RankedLock(.arenaDirectory)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var state = State()

  static func makeStatics() {
    ForkGuard.touch(upkeep)
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(state)
  }

  static func add(_ arena: Arena) { lock.withLock { unsafe state.arenas[arena.domain] = arena } }
  static func remove(_ arena: Arena) {
    let forget = lock.withLock {
      unsafe state.arenas[arena.domain] = nil
      return unsafe state.forget
    }
    forget?(arena)
  }

  /// All arenas, in the order in which they were made, which is that in which their locks are taken.
  package static var all: [Arena] {
    lock.withLock { unsafe Array(state.arenas.values) }.sorted { $0.lock.order < $1.lock.order }
  }

  package static func arena(_ domain: DomainID) -> Arena? { lock.withLock { unsafe state.arenas[domain] } }

  /// The block cache says, once, how an arena's idle blocks are given back (under the arena's lock), how it
  /// forgets an arena that is being destroyed, and whom to tell that an arena has unused pages again.
  package static func setBlockCache(
    reclaim: @escaping @Sendable (Arena) -> Void, forget: @escaping @Sendable (Arena) -> Void,
    notice: @escaping @Sendable (Arena) -> Void
  ) {
    lock.withLock {
      unsafe state.reclaim = reclaim
      unsafe state.forget = forget
      unsafe state.notice = notice
    }
  }

  static func noticeUnusedPages(of arena: Arena) {
    let notice = lock.withLock { unsafe state.notice }
    notice?(arena)
  }

  static func reclaimIdleBlocks(of arena: Arena) {
    let reclaim = lock.withLock { unsafe state.reclaim }
    reclaim?(arena)
  }
}
