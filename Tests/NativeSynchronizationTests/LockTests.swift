// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Testing

@testable import NativeSynchronization

@Suite("Locks")
struct LockTests {
  @Test("The numbers of the ranks have no gap, and start with the rank that is taken first")
  func ranks() {
    #expect(LockRank.allCases.map(\.rawValue) == Array(0..<UInt8(LockRank.allCases.count)))
    // The list of locks and the witness have room for this many ranks.
    #expect(LockRank.allCases.count <= 32)
  }

  @Test("All locks of the library's modules are of the kinds that fork knows")
  func foreignLocks() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources")
    let foreign = [
      "Mutex<", "Mutex(", "pthread_mutex_init", "pthread_rwlock", "pthread_spin", "pthread_cond", "NSLock",
      "NSRecursiveLock", "DispatchSemaphore(",
    ]
    // In these files, threads wait for other threads' work. A forked child does not wait there: see `mustNotWait` and
    // `isParents`.
    let waits = ["RankedLock.swift", "RegistryCore.swift", "CacheLoad.swift"]
    var count = 0
    for module in [
      "NativeSynchronization", "ResourceLedger", "NativeBuffers", "Finalization", "LeakAuditing",
    ] {
      let files = FileManager.default.enumerator(
        at: root.appendingPathComponent(module), includingPropertiesForKeys: nil)
      while let file = files?.nextObject() as? URL {
        guard file.pathExtension == "swift", !waits.contains(file.lastPathComponent) else { continue }
        count += 1
        let text = try String(contentsOf: file, encoding: .utf8)
        for word in foreign { #expect(!text.contains(word), "\(file.lastPathComponent) has \(word)") }
      }
    }
    #expect(count > 80)
  }

  #if DEBUG
    @Test("Locks can be taken in the order of their ranks")
    func inOrder() async {
      await #expect(processExitsWith: .success) {
        let (outer, inner, spin) = (
          RankedLock(.arenaMaintenance), RankedLock(.scopes), SpinLocks(.ledgerGrowth, count: 2)[1]
        )
        for _ in 0..<2 {
          outer.withLock { inner.withLock { spin.lock() } }
          spin.unlock()
        }
        // Locks may be given back in any order.
        outer.lock()
        inner.lock()
        outer.unlock()
        #expect(outer.tryLock())
        outer.unlock()
        inner.unlock()
        let arenas = (0..<3).map { _ in RankedLock(.arena) }
        for arena in arenas { arena.lock() }
        for arena in arenas { arena.unlock() }
      }
    }

    @Test("A lock that is taken out of order ends the process, and the message names both locks")
    func outOfOrder() async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let (outer, inner) = (RankedLock(.arenaMaintenance), RankedLock(.scopes))
        inner.withLock { outer.withLock {} }
      }
      #expect(text(outcome).contains("a thread that holds a lock `scopes` takes a lock `arenaMaintenance`"))
    }

    @Test("The order also holds for spin locks, and after a lock that was only tried")
    func outOfOrderTried() async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let (outer, inner) = (SpinLocks(.anchor)[0], RankedLock(.scopes))
        guard inner.tryLock() else { exit(0) }
        outer.lock()
      }
      #expect(text(outcome).contains("a thread that holds a lock `scopes` takes a lock `anchor`"))
    }

    @Test("Several locks of one rank can be taken in the order in which they were made")
    func sameRank() async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let (first, second) = (RankedLock(.arena), RankedLock(.arena))
        second.withLock { first.withLock {} }
      }
      #expect(text(outcome).contains("a thread that holds a lock `arena` takes a lock `arena`"))
    }

    @Test("Several locks of one rank can be taken only if the rank allows it")
    func sameRankAlone() async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let (first, second) = (RankedLock(.scopes), RankedLock(.scopes))
        first.withLock { second.withLock {} }
      }
      #expect(text(outcome).contains("a thread that holds a lock `scopes` takes a lock `scopes`"))
    }

    @Test("A thread that holds a lock cannot make a lock, because a fork may be waiting for the lock that it holds")
    func madeUnderLock() async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        RankedLock(.arenaMaintenance).withLock { _ = RankedLock(.scopes) }
      }
      #expect(text(outcome).contains("a thread that holds a lock `arenaMaintenance` takes a lock `registration`"))
    }

    @Test("A thread that holds a lock cannot fork")
    func forkUnderLock() async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        typealias Fork = @convention(c) () -> pid_t
        guard let symbol = unsafe dlsym(nil, "fork") else { exit(0) }
        // SAFETY: this is fork's type.
        RankedLock(.scopes).withLock { if unsafe unsafeBitCast(symbol, to: Fork.self)() == 0 { _exit(0) } }
      }
      #expect(text(outcome).contains("a thread that holds a lock `scopes` calls fork"))
    }

    private func text(_ outcome: ExitTest.Result?) -> String {
      String(decoding: outcome?.standardErrorContent ?? [], as: UTF8.self)
    }
  #endif
}
