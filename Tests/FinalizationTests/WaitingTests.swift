// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import Finalization

/// What must not return before another thread is done.
@Suite("Calls that must not return before another thread is done")
struct WaitingTests {
  private final class Progress: Sendable {
    private let flag = Atomic<Bool>(false)
    private let early = Atomic<Bool>(false)

    var isOver: Bool { flag.load(ordering: .acquiring) }
    func end() { flag.store(true, ordering: .releasing) }

    /// Whether the thread that should wait was over before the other thread allowed it.
    var wasEarly: Bool { early.load(ordering: .acquiring) }

    /// Called just before the waiting thread is allowed to go on. If that thread does not wait by mistake, it has time
    /// to end meanwhile, and this records that it was early.
    func look() {
      for _ in 0..<100 where !isOver { usleep(1_000) }
      early.store(isOver, ordering: .releasing)
    }
  }

  @Test("A thread that claims a registration waits until no other thread reads its cell")
  func claimWaits() throws {
    let ledger = try Ledger(entryCapacity: 1)
    let entry = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    let key = entry.beginLife(byteCount: 1, site: .unknown, scope: 0)
    #expect(entry.pin(key: key) == .pinned)
    let progress = Progress()
    onThreads(2) { thread in
      if thread == 0 {
        if Cell.requestRelease(entry, key: key) { progress.end() }
      } else {
        while entry.isUsable(key: key) { sched_yield() }
        progress.look()
        // The thread that claims the registration also releases it, so the result is not needed here.
        _ = entry.unpin()
      }
    }
    #expect(progress.isOver && !progress.wasEarly)
  }

  /// A delivery reads the epoch and then says that it has begun. Meanwhile a flush may increment the epoch, so the
  /// delivery may count for either parity.
  @Test(
    "A flush waits for deliveries that read the epoch before the last flush, and for those that read it after",
    arguments: [0, 1])
  func flushWaits(
    parity: Int
  ) throws {
    let registry = FinalizationRegistry<Int>(name: "flush", delivery: .inlineOnReleasingThread) { _ in }
    let core = registry.core
    let progress = Progress()
    core.beginSession(parity)
    onThreads(2) { thread in
      if thread == 0 {
        registry.flush()
        progress.end()
      } else {
        progress.look()
        core.endSession(parity)
      }
    }
    #expect(progress.isOver && !progress.wasEarly)
  }
}
