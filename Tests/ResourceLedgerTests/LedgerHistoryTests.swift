// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import ResourceLedger

@Suite("The history of a ledger")
struct LedgerHistoryTests {
  private typealias Peak = LedgerLayout.PeakField

  private static func field(_ ledger: Ledger, _ kind: LedgerLayout.Kind, _ index: Int, _ field: Int) -> Int {
    Int(
      truncatingIfNeeded: unsafe ledger.atomic64(at: ledger.offset(of: index, in: kind)! + field).pointee
        .load(ordering: .relaxed))
  }

  private static func field32(_ ledger: Ledger, _ kind: LedgerLayout.Kind, _ index: Int, _ field: Int) -> Int {
    Int(unsafe ledger.atomic32(at: ledger.offset(of: index, in: kind)! + field).pointee.load(ordering: .relaxed))
  }

  private static let site = "file.swift" as StaticString

  /// A live entry of a domain.
  @discardableResult
  private static func add(
    _ byteCount: Int, line: UInt, to domain: DomainID, in ledger: Ledger, as state: EntryState = .live
  ) throws -> LedgerEntry {
    let entry = try ledger.acquireEntry(.init(domain: domain, bucket: 5))
    entry.byteCount = byteCount
    entry.capacity = 1_000
    entry.site = ledger.intern(file: site, line: line, function: "f()")
    entry.birth = UInt32(line)
    entry.setState(state)
    return entry
  }

  @Test("A sample has what is live and idle, in the place of its second, and registrations do not count")
  func samples() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let arena = try ledger.addDomain(.arena, name: "a").id
    let other = try ledger.addDomain(.nativeResource, name: "b").id
    let registry = try ledger.addDomain(.finalizationRegistry, name: "c").id
    try Self.add(10, line: 1, to: arena, in: ledger)
    try Self.add(10, line: 1, to: arena, in: ledger, as: .idle)
    try Self.add(20, line: 2, to: other, in: ledger)
    try Self.add(40, line: 2, to: registry, in: ledger)
    unsafe ledger.domainField64(LedgerLayout.DomainField.endedLives, of: arena).pointee.store(7, ordering: .relaxed)
    unsafe ledger.domainField64(LedgerLayout.DomainField.rescuedCount, of: arena).pointee.store(3, ordering: .relaxed)
    let history = try #require(LedgerHistory(ledger))
    history.addSample(at: 0, second: 3_605, residentSet: 99)
    #expect(Self.field32(ledger, .history, 5, 0) == 3_605)
    #expect((1...7).map { Self.field(ledger, .history, 5, $0 * 8) } == [2, 30, 1_000, 99, 7, 3, 0])
    #expect(Self.field32(ledger, .history, 4, 0) == 0)
  }

  @Test("Between two scans, samples repeat the counts of the last one, and the rest of them is new")
  func stretching() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let arena = try ledger.addDomain(.arena, name: "a").id
    try Self.add(10, line: 1, to: arena, in: ledger)
    let history = try #require(LedgerHistory(ledger))
    history.addSample(at: 1_000, second: 1, residentSet: 1)
    try Self.add(10, line: 1, to: arena, in: ledger)
    // A scan takes more than a nanosecond, so the next one is not due yet.
    history.addSample(at: 2_000, second: 2, residentSet: 2)
    #expect((1...4).map { Self.field(ledger, .history, 2, $0 * 8) } == [1, 10, 0, 2])
    history.addSample(at: .max / 2, second: 3, residentSet: 3)
    #expect((1...4).map { Self.field(ledger, .history, 3, $0 * 8) } == [2, 20, 0, 3])
  }

  @Test("Ended lives and rescues stay in the sums when another domain gets the record")
  func goneDomains() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let first = try ledger.addDomain(.arena, name: "a")
    unsafe ledger.domainField64(LedgerLayout.DomainField.endedLives, of: first.id).pointee.store(7, ordering: .relaxed)
    unsafe ledger.domainField64(LedgerLayout.DomainField.rescuedCount, of: first.id).pointee
      .store(3, ordering: .relaxed)
    first.giveBack()
    #expect(ledger.countsOfDomains == (7, 3))
    let second = try ledger.addDomain(.arena, name: "b").id
    #expect(second.number == first.id.number)
    #expect(ledger.countsOfDomains == (7, 3))
  }

  @Test("A peak is recorded if live bytes grew by a tenth since the last one, in two records in turn")
  func peaks() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let arena = try ledger.addDomain(.arena, name: "a").id
    let history = try #require(LedgerHistory(ledger))
    var seconds: [[Int]] = []
    for (round, byteCount) in [1_000, 99, 1, 109, 1].enumerated() {
      try Self.add(byteCount, line: 1, to: arena, in: ledger)
      history.addSample(at: UInt64(round) << 50, second: UInt32(round + 1), residentSet: 0)
      seconds.append((0..<2).map { Self.field32(ledger, .peaks, $0, Peak.second) })
    }
    // 1,000, then 1,099 is no peak, 1,100 is one, 1,209 is none, and 1,210 is one.
    #expect(seconds == [[0, 1], [0, 1], [3, 1], [3, 1], [3, 5]])
    #expect((0..<2).map { Self.field32(ledger, .peaks, $0, Peak.reason) } == [1, 1])
    #expect(Self.field(ledger, .peaks, 1, Peak.liveCount) == 5)
    #expect(Self.field(ledger, .peaks, 1, Peak.liveBytes) == 1_210)
  }

  @Test("A peak has the 20 lines with most bytes, those first")
  func largestLines() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let arena = try ledger.addDomain(.arena, name: "a").id
    for line in 1...30 { try Self.add(line * 7 % 31, line: UInt(line), to: arena, in: ledger) }
    try Self.add(500, line: 4, to: arena, in: ledger)
    let history = try #require(LedgerHistory(ledger))
    history.addSample(at: 0, second: 1, residentSet: 0)
    let shares = (0..<20).map { index in
      (0..<3).map { Self.field(ledger, .peaks, 1, Peak.sites + index * Peak.siteSize + $0 * 8) }
    }
    #expect(shares[0] == [4, 2, 528])
    // All numbers from 1 to 30 occur, and line 4 had 28.
    #expect(shares.dropFirst().map { $0[2] } == [30, 29] + (11...27).reversed())
    #expect(shares.allSatisfy { $0[0] * 7 % 31 == $0[2] || $0[0] == 4 })
  }

  @Test("A scan records when each line was last used, also of idle blocks")
  func lastUse() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let arena = try ledger.addDomain(.arena, name: "a").id
    try Self.add(1, line: 50, to: arena, in: ledger)
    let idle = try Self.add(1, line: 50, to: arena, in: ledger, as: .idle)
    idle.birth = 60
    try #require(LedgerHistory(ledger)).addSample(at: 0, second: 1, residentSet: 0)
    #expect(Self.field32(ledger, .sites, Int(idle.site.rawValue), LedgerLayout.SiteField.lastUse) == 60)
  }

  @Test("A failed allocation is recorded with its bytes, once a second at most, and not among the other peaks")
  func failures() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let arena = try ledger.addDomain(.arena, name: "a").id
    try Self.add(10, line: 1, to: arena, in: ledger)
    let history = try #require(LedgerHistory(ledger))
    for (byteCount, second) in [(100, 5), (200, 5), (300, 6), (400, 7)] {
      history.recordFailure(ofByteCount: byteCount, second: UInt32(second))
    }
    let requested = (0..<4).map { Self.field(ledger, .peaks, $0, Peak.requestedBytes) }
    #expect(requested == [0, 0, 300, 400])
    #expect((0..<4).map { Self.field32(ledger, .peaks, $0, Peak.reason) } == [0, 0, 2, 2])
    #expect(Self.field(ledger, .peaks, 3, Peak.liveBytes) == 10)
  }

  @Test("A ledger with little room has no history")
  func small() throws {
    #expect(LedgerHistory(try Ledger(entryCapacity: 100)) == nil)
  }
}
