// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Glibc
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@Suite("Threads that share a registry")
struct ConcurrencyTests {
  @Test("An object that dies while it is being registered is delivered exactly once")
  func deathDuringRegister() {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "dying") { log.add($0) }
    let rounds = 400
    for round in 0..<rounds {
      let holder = round % 2 == 0 ? Holder<AnyObject>(Anchored()) : Holder<AnyObject>(Plain())
      let gate = Gate()
      let object = holder.current
      let releaser = Worker {
        gate.pass()
        holder.release()
      }
      gate.pass()
      if let object { _ = try? registry.register(object, holding: round) }
      releaser.wait()
    }
    registry.flush()
    #expect(log.all.sorted() == Array(0..<rounds))
  }

  @Test("If cancel, clean, unregister and death race for a registration, exactly one of them wins")
  func oneWinner() {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "race", delivery: .inlineOnReleasingThread) { log.add($0) }
    for round in 0..<500 {
      let token = Anchored()
      let holder = Holder(Anchored())
      guard
        let registration = holder.with({ target in
          try? registry.register(target, holding: round, unregisterToken: token)
        }), let registration
      else { continue }
      onThreads(4) { number in
        switch number {
        case 0: if registration.cancel() != nil { log.add(round) }
        case 1: _ = try? registration.clean()
        case 2: if registry.unregister(token) { log.add(round) }
        default: holder.release()
        }
      }
    }
    registry.flush()
    #expect(log.all.sorted() == Array(0..<500))
    #expect(registry.count == 0)
  }

  /// ThreadSanitizer checks that the thread that uses the cell again waits for the thread on which the token died. So
  /// nothing else may order the two threads meanwhile: both live until the end, the flags are relaxed, and expectations
  /// are checked at the end.
  @Test("If a token dies while its registration is cancelled, the cell can be used again")
  func tokenDies() throws {
    final class Round: Sendable {
      let isReady = Flag()
      let isDead = Flag()
      let isOver = Flag()
      let heldValue = Atomic<Int>(-1)
    }
    let registry = FinalizationRegistry<Int>(name: "token's end", delivery: .manual) { _ in }
    let other = FinalizationRegistry<Int>(name: "other", delivery: .manual) { _ in }
    let target = Anchored()
    let nextToken = Anchored()
    for number in 0..<100 {
      let token = Holder(Anchored())
      let registration = try #require(
        try token.with { try registry.register(target, holding: number, unregisterToken: $0) })
      let round = Round()
      onThreads(2) { thread in
        // The first registration gives a thread its record, under a lock.
        _ = try? registry.register(target, holding: -1).cancel()
        if thread == 0 {
          round.isReady.wait()
          // This goes through the token's list, and ThreadSanitizer sees that. It ignores what a deinit reads.
          _ = token.with { other.unregister($0) }
          token.release()
          round.isDead.set()
          round.isOver.wait()
        } else {
          round.isReady.set()
          round.isDead.wait()
          round.heldValue.store(registration.cancel() ?? -1, ordering: .relaxed)
          _ = try? registry.register(target, holding: -1, unregisterToken: nextToken)
          round.isOver.set()
        }
      }
      #expect(round.heldValue.load(ordering: .relaxed) == number)
      #expect(registry.count == 1)
      #expect(registry.unregister(nextToken))
    }
    #expect(registry.count == 0)
  }

  /// The target is dead and its cell is queued when one thread ends the registration, and another thread takes the cell
  /// from the queue. The second of the two gives the cell back and uses it again. ThreadSanitizer must see that this
  /// comes after what the first one did with the cell. So nothing else orders the two threads, as in the test above.
  @Test(
    "A cell is used again only after the thread that ended it and the reader of the queue are both done",
    arguments: [true, false])
  func cellLeftTwice(cancelComesFirst: Bool) throws {
    let (mayEnd, isDrained) = (Log<Flag>(), Log<Flag>())
    let registry = FinalizationRegistry<Int>(name: "left twice", delivery: .manual) { _ in
      mayEnd.all.last?.set()
      isDrained.all.last?.wait()
    }
    let token = Anchored()
    let nextToken = Anchored()
    for number in 0..<20 {
      let (claimed, drained) = (Flag(), Flag())
      mayEnd.add(claimed)
      isDrained.add(drained)
      let registration = try registry.register(Anchored(), holding: number, unregisterToken: token)
      let kept = Anchored()
      @Sendable func useCellAgain() {
        _ = try? registry.register(kept, holding: -1, unregisterToken: nextToken)
      }
      let heldValue = Atomic<Int>(-1)
      onThreads(2) { thread in
        if cancelComesFirst {
          if thread == 0 {
            heldValue.store(registration.cancel() ?? -1, ordering: .relaxed)
            claimed.set()
          } else {
            claimed.wait()
            try? registry.drain()
            useCellAgain()
          }
        } else {
          if thread == 0 {
            if (try? registration.clean()) == true { heldValue.store(number, ordering: .relaxed) }
            useCellAgain()
          } else {
            claimed.wait()
            try? registry.drain()
            drained.set()
          }
        }
      }
      #expect(heldValue.load(ordering: .relaxed) == number)
      #expect(registry.count == 1)
      #expect(registry.unregister(nextToken))
    }
  }

  @Test("The registry's book and the ledger agree while threads register and unregister")
  func booksAgree() throws {
    let registry = FinalizationRegistry<Int>(name: "two books", delivery: .manual) { _ in }
    let listing = try #require(ResourceDomains.all.first { $0.domain.name == "two books" })
    let steady = try #require(listing.domain as? any SteadyDomain)
    let isOver = Flag()
    let workers = (0..<2).map { _ in
      Worker {
        let target = Anchored()
        while !isOver.isSet {
          _ = try? registry.register(target, holding: 1, unregisterToken: target, byteCount: 100)
          _ = try? registry.register(Anchored(), holding: 1, byteCount: 10)
          registry.unregister(target)
          try? registry.drain()
        }
      }
    }
    for _ in 0..<200 {
      let (census, totals) = steady.withBooksHeld { census in
        (census, Ledger.shared.totals(of: [listing.id.number], bucketCount: 1)[0][0])
      }
      #expect(census.count == totals.count)
      #expect(census.byteCount == totals.capacity)
    }
    isOver.set()
    for worker in workers { worker.wait() }
    try registry.drain()
    #expect(registry.census() == Census(count: 0, byteCount: 0))
    #expect(Ledger.shared.totals(of: [listing.id.number], bucketCount: 1)[0][0].count == 0)
  }

  @Test("Cells that one thread registers and another delivers are used again")
  func migratingCells() async {
    // This has a process of its own, so that no other thread takes entries meanwhile.
    await #expect(processExitsWith: .success) {
      let registry = FinalizationRegistry<Int>(name: "migration", delivery: .manual) { _ in }
      func pass() throws {
        for number in 0..<1_000 { try registry.register(Anchored(), holding: number) }
        onThreads(1) { _ in try? registry.drain() }
        #expect(registry.count == 0)
      }
      // The first passes also make the cells that the threads' stripes keep.
      for _ in 0..<3 { try pass() }
      let count = Ledger.shared.entryCount
      for _ in 0..<50 { try pass() }
      #expect(Ledger.shared.entryCount == count)
    }
  }

  @Test("A sweep never becomes the last owner of a target")
  func lastOwner() {
    final class Target {
      let log: Log<UInt>
      init(_ log: Log<UInt>) { self.log = log }
      deinit { log.add(UInt(pthread_self())) }
    }
    let log = Log<UInt>()
    let registry = FinalizationRegistry<Int>(name: "owner", delivery: .manual) { _ in }
    let isOver = Flag()
    let sweeper = Worker { while !isOver.isSet { try? registry.drain() } }
    for number in 0..<20_000 {
      let target = Target(log)
      _ = try? registry.register(target, holding: number)
      withExtendedLifetime(target) {}
    }
    isOver.set()
    sweeper.wait()
    #expect(log.count == 20_000)
    #expect(Set(log.all) == [UInt(pthread_self())])
  }
}
