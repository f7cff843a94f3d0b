// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import NativeSynchronization
import ResourceLedger

/// Counts what a C library leaves behind: every `malloc` on this thread goes to an arena of its own for
/// the time of a call, and what that arena holds afterwards is what the call did not free.
///
/// Source: jemalloc(3), `thread.arena` and `thread.tcache.enabled`. Costs about 15 µs beside the counting.
package enum MallocCapture {
  /// What a call allocated and did not free on its thread.
  package struct Remainder: Sendable, Equatable {
    package let count: Int
    package let byteCount: Int
  }

  /// Whether this process's malloc is the jemalloc that the arenas use: not where a sanitizer keeps malloc to itself.
  /// Only then can calls be captured, and may C's `free` be given a detached block.
  package static var isAvailable: Bool { cjemalloc_is_process_malloc() }

  private static let lock = RankedLock(.capture)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var spareArenas: [UInt32] = []

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(spareArenas)
  }

  /// Runs `body` and counts what it left behind.
  ///
  /// What `body` hands to another thread to free, or keeps in a cache on purpose, counts as left behind.
  /// Swift objects count too: return only what was made before.
  /// - Throws: what `body` throws, ``ArenaError`` where malloc is not jemalloc or the switch fails.
  package static func run<R>(_ body: () throws -> R) throws -> (result: R, remainder: Remainder) {
    guard cjemalloc_is_process_malloc() else { throw ArenaError(.captureUnavailable) }
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

  /// An arena that holds nothing. One in which something stayed behind is not used again.
  private static func spareArena() throws(ArenaError) -> UInt32 {
    if let spare = lock.withLock({ unsafe spareArenas.popLast() }) { return spare }
    return try Mallctl.createArena()
  }
}
