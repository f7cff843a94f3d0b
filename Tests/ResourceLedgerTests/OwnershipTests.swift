// SPDX-License-Identifier: Apache-2.0

import Synchronization
import TestSupport
import Testing

@testable import ResourceLedger

@Suite("Ledger: the state word")
struct OwnershipTests {
  let ledger: Ledger
  let entry: LedgerEntry
  let key: EntryWord

  init() throws {
    ledger = try Ledger(entryCapacity: 16)
    entry = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    key = entry.beginLife(byteCount: 1, site: SiteID(rawValue: 0), scope: 0)
  }

  @Test("The first request releases, and later requests do nothing")
  func releaseOnce() {
    #expect(entry.requestRelease(key: key) == .releaseNow)
    #expect(entry.requestRelease(key: key) == .alreadyReleased)
  }

  @Test("If release is requested during pins, the end of the last pin carries it out")
  func deferred() {
    #expect(entry.pin(key: key) == .pinned)
    #expect(entry.pin(key: key) == .pinned)
    #expect(entry.requestRelease(key: key) == .deferred)
    #expect(entry.pin(key: key) == .released)
    #expect(entry.unpin() == false)
    #expect(entry.unpin() == true)
  }

  @Test("Shared and exclusive pins exclude each other")
  func exclusion() {
    #expect(entry.pinExclusively(key: key) == .pinned)
    #expect(entry.pin(key: key) == .conflict)
    #expect(entry.pinExclusively(key: key) == .conflict)
    #expect(entry.unpinExclusively() == false)
    #expect(entry.pin(key: key) == .pinned)
    #expect(entry.pinExclusively(key: key) == .conflict)
    #expect(entry.unpin() == false)
  }

  @Test("Every step refuses a key of an earlier life")
  func staleKey() {
    #expect(entry.requestRelease(key: key) == .releaseNow)
    #expect(entry.endLife(as: .idle))
    let next = entry.beginLife(byteCount: 1, site: SiteID(rawValue: 0), scope: 0)
    #expect(next != key)
    #expect(entry.pin(key: key) == .released)
    #expect(entry.pinExclusively(key: key) == .released)
    #expect(entry.requestRelease(key: key) == .alreadyReleased)
    #expect(entry.detach(key: key) == .released)
    #expect(!entry.isUsable(key: key) && entry.isUsable(key: next))
    #expect(entry.word == next)
  }

  @Test("The 262,143rd pin is the last one that fits")
  func tooManyPins() {
    for _ in 0..<EntryWord.maximumPinCount { #expect(entry.pin(key: key) == .pinned) }
    #expect(entry.pin(key: key) == .tooMany)
    #expect(entry.word.pinCount == 262_143)
    for _ in 0..<EntryWord.maximumPinCount { #expect(entry.unpin() == false) }
    #expect(entry.word == key)
  }

  @Test("A detached life stays live in the books, and no pin or release is possible any more")
  func detach() {
    #expect(entry.detach(key: key) == .pinned)
    #expect(entry.word.state == .live && entry.word.isDetached)
    #expect(entry.requestRelease(key: key) == .alreadyReleased)
    #expect(entry.pin(key: key) == .released)
  }

  /// Every interleaving of short programs over one word, step by step. Each step is one atomic operation, so the steps
  /// in every order, one after the other, are all the orders that threads can take.
  @Test(
    "In every order of pins, exclusive pins and release requests, exactly one step releases, and no pin is left then")
  func everyInterleaving() throws {
    enum Step: CaseIterable { case pin, pinExclusively, release, release2 }
    var schedules = 0
    for programs in [
      [Step.pin, .release, .release2], [.pinExclusively, .release, .pin], [.pin, .pin, .release],
      [.pinExclusively, .release, .release2],
    ] {
      // Each program is one step; a pin has a second step that ends it.
      let lengths = programs.map { $0 == .release || $0 == .release2 ? 1 : 2 }
      for order in Self.orders(lengths) {
        schedules += 1
        let entry = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
        let key = entry.beginLife(byteCount: 1, site: SiteID(rawValue: 0), scope: 0)
        var held = [PinOutcome?](repeating: nil, count: programs.count)
        var releases = 0
        var requests = 0
        for thread in order {
          var isToldToRelease = false
          switch programs[thread] {
          case .release, .release2:
            switch entry.requestRelease(key: key) {
            case .releaseNow: isToldToRelease = true; requests += 1
            case .deferred: requests += 1
            case .alreadyReleased: break
            }
          case .pin:
            if let outcome = held[thread] {
              if outcome == .pinned { isToldToRelease = entry.unpin() }
              held[thread] = .released
            } else {
              held[thread] = entry.pin(key: key)
            }
          case .pinExclusively:
            if let outcome = held[thread] {
              if outcome == .pinned { isToldToRelease = entry.unpinExclusively() }
              held[thread] = .released
            } else {
              held[thread] = entry.pinExclusively(key: key)
            }
          }
          if isToldToRelease {
            releases += 1
            #expect(!held.contains(.pinned), "released while pinned, order \(order)")
            #expect(entry.endLife(as: .idle))
          }
        }
        #expect(requests == 1 && releases == 1, "order \(order) of \(programs)")
        ledger.releaseEntry(entry)
      }
    }
    #expect(schedules > 80)
  }

  /// All orders in which threads that have this many steps each can take turns.
  private static func orders(_ remaining: [Int]) -> [[Int]] {
    if remaining.allSatisfy({ $0 == 0 }) { return [[]] }
    return remaining.indices.filter { remaining[$0] > 0 }.flatMap { thread in
      var rest = remaining
      rest[thread] -= 1
      return orders(rest).map { [thread] + $0 }
    }
  }

  /// If the word were the same, a thread that is about to pop could put an entry on top that is not in the stack any
  /// more: it read the word and the top entry's link before the other thread's pop, and would not notice the change.
  @Test("If an entry is popped and pushed again, the stack's word changes, although the same entry is on top")
  func countInStackWord() throws {
    let stack = EntryStack()
    for _ in 0..<2 {
      stack.push(try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0)), in: ledger)
    }
    let top = stack.top
    var words = [stack.head.load(ordering: .relaxed)]
    for _ in 0..<3 {
      let entry = stack.pop(in: ledger)
      stack.push(try #require(entry), in: ledger)
      words.append(stack.head.load(ordering: .relaxed))
    }
    for count in 1...2 {
      let popped = unsafe stack.pop(atMost: count, records: ledger.entries)
      let batch = try #require(popped)
      #expect(batch.count == count)
      let last = count == 1 ? batch.first : ledger.entry(at: Int(batch.first.link) - 1)
      unsafe stack.push(from: batch.first, to: last, records: ledger.entries)
      words.append(stack.head.load(ordering: .relaxed))
    }
    #expect(stack.top == top)
    #expect(Set(words).count == words.count)
  }

  @Test("If threads push to and pop from one stack, no entry is lost, and none is popped twice")
  func stack() throws {
    let ledger = try Ledger(entryCapacity: 64)
    let shared = Shared()
    for _ in 0..<64 {
      shared.stack.push(try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0)), in: ledger)
    }
    let wrong = Counter()
    onThreads(4) { _ in
      for _ in 0..<50_000 {
        guard let entry = shared.stack.pop(in: ledger) else { continue }
        // There is exactly one holder: the word changes from free to live and back to free, and a second holder would
        // be noticed.
        let key = entry.beginLife(byteCount: 1, site: SiteID(rawValue: 0), scope: 0)
        if entry.requestRelease(key: key) != .releaseNow { wrong.add() }
        _ = entry.endLife(as: .free)
        shared.stack.push(entry, in: ledger)
      }
    }
    #expect(wrong.value == 0)
    var found = Set<Int>()
    while let entry = shared.stack.pop(in: ledger) { found.insert(ledger.index(of: entry)) }
    #expect(found.count == 64)
  }

  /// A stack cannot be captured, because it cannot be copied.
  private final class Shared: Sendable { let stack = EntryStack() }
}
