// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import NativeSynchronization
import ResourceLedger

/// Counts what a C library leaves behind. During a call, every `malloc` on this thread goes to a separate arena, and
/// what that arena holds afterwards is what the call did not free.
///
/// Source: jemalloc(3), `thread.arena` and `thread.tcache.enabled`. Costs about 15 µs beside the counting.
package enum MallocCapture {
  /// What a call allocated and did not free on its thread.
  package struct Remainder: Sendable, Equatable {
    package let count: Int
    package let byteCount: Int
  }

  /// Whether this process's malloc is the jemalloc that the arenas use: see ``ProcessMalloc``. Only if it is, calls can
  /// be captured, and C's `free` may be given a detached block.
  package static var isAvailable: Bool { ProcessMalloc.owner == .jemalloc }

  private static let lock = RankedLock(.capture)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var spareArenas: [UInt32] = []

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(spareArenas)
  }

  /// Runs `body` and counts what it left behind.
  ///
  /// Memory that `body` hands to another thread to free, or keeps in a cache on purpose, counts as left behind. Swift
  /// objects count too: `body` should return only objects that were made before.
  /// - Throws: what `body` throws; ``ArenaError`` if malloc is not jemalloc, no arena can be created, or jemalloc
  ///   refuses to switch arenas or to count.
  package static func run<R>(_ body: () throws -> R) throws -> (result: R, remainder: Remainder) {
    guard isAvailable else { throw ArenaError(.captureUnavailable) }
    ArenaStatistics.prepare()
    let arena = try spareArena()
    let outerArena: UInt32 = try Mallctl.read("thread.arena")
    let hadCache = try Mallctl.readFlag("thread.tcache.enabled")
    if hadCache { try Mallctl.call("thread.tcache.flush") }
    try Mallctl.write("thread.tcache.enabled", false)
    defer { try? Mallctl.write("thread.tcache.enabled", hadCache) }
    try Mallctl.write("thread.arena", arena)
    let result: Result<R, any Error>
    do {
      defer { try? Mallctl.write("thread.arena", outerArena) }
      result = Result { try body() }
    }
    try Mallctl.refreshStatistics()
    let counts = try ArenaStatistics.shared.get().read(arena: Int(arena))
    if counts.count == 0 { lock.withLock { unsafe spareArenas.append(arena) } }
    return (try result.get(), Remainder(count: counts.count, byteCount: counts.byteCount))
  }

  /// An arena that holds nothing. An arena in which something was left behind is not used again.
  private static func spareArena() throws(ArenaError) -> UInt32 {
    if let spare = lock.withLock({ unsafe spareArenas.popLast() }) { return spare }
    return try Mallctl.createArena()
  }
}
