// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditCommands
import ResourceLedger
import TestSupport

@testable import LedgerReading

/// A snapshot that a test makes, of a process that does not exist.
struct MadeSnapshot {
  /// What a line of code has live.
  struct Line {
    var file: String
    var function = "load(_:)"
    var count: Int
    var byteCount: Int
    /// How many of the age boundaries its resources have reached.
    var ageBand = 0
    /// The age of the oldest one, in seconds; nil if only the band is known.
    var oldestAge: Int?
    var keeper = ResourceKeeper.none
  }

  var lines: [Line] = []
  var idleByteCount = 0
  var processID = 4_211
  var command = "server"
  var history: [HistorySample] = []
  var status = LedgerSnapshot.Status.ended
  var isRunning: Bool? = false
  /// What both books have of one size class, when the process was asked; nil if it never was.
  var books: (allocator: Int, live: Int, idle: Int)?
  /// The bytes of the allocator's blocks; nil for the size class's.
  var booksByteCount: Int?
  /// Seconds since the process was asked, and whether all size classes had room in its answer.
  var answerAge = 0.0
  var answerIsComplete = true
  /// For how many seconds the clock of ages stood still at most.
  var longestGap = 1
  /// Resources of the first line that were released by deinit.
  var rescuedCount = 0
  /// Registrations of a finalization registry, which the first line made.
  var registrationCount = 0
  /// Other domains: what the ledger has live, and the domain's own count and the second of the clock when it was taken.
  var domains: [(name: String, live: Int, census: (count: Int, second: Int)?)] = []
  /// When most bytes were live, all of the first line.
  var peak: (second: Int, count: Int, byteCount: Int)?
  var earlierPeak: (second: Int, count: Int, byteCount: Int)?
  /// When an allocation failed, and the bytes that it asked for. One resource of the first line was live then.
  var failedAllocation: (second: Int, requestedByteCount: Int)?
  /// Seconds since the ledger was made.
  var age = 725

  var snapshot: LedgerSnapshot {
    let madeAt: UInt64 = 1_700_000_000_000_000_000
    let takenAt = madeAt + UInt64(age) * 1_000_000_000
    var sites = [SnapshotSite(site: .unknown, rescuedCount: 0, rescuedByteCount: 0, firstUse: 0, lastUse: 0)]
    var sums: [SnapshotSum] = []
    for line in lines {
      let site = Site(file: line.file, line: 12, function: line.function)
      if !sites.contains(where: { $0.site == site }) {
        sites.append(SnapshotSite(site: site, rescuedCount: 0, rescuedByteCount: 0, firstUse: 1, lastUse: 2))
      }
      sums.append(
        SnapshotSum(
          site: sites.firstIndex { $0.site == site } ?? 0, domain: 1, bucket: 3, use: .live, keeper: line.keeper,
          oldestBirth: line.oldestAge.map { UInt32(now - $0) } ?? 0, ageBand: line.ageBand, count: line.count,
          byteCount: line.byteCount, capacity: line.byteCount))
    }
    if idleByteCount > 0 {
      sums.append(
        SnapshotSum(
          site: 0, domain: 1, bucket: 3, use: .idle, keeper: .none, ageBand: 0, count: 1, byteCount: 0,
          capacity: idleByteCount))
    }
    if registrationCount > 0 {
      sums.append(
        SnapshotSum(
          site: 1, domain: 2, bucket: 0, use: .live, keeper: .none, ageBand: 0, count: registrationCount, byteCount: 0,
          capacity: 0))
    }
    for (index, domain) in domains.enumerated() where domain.live > 0 {
      sums.append(
        SnapshotSum(
          site: 0, domain: 3 + index, bucket: 0, use: .live, keeper: .none, ageBand: 0, count: domain.live,
          byteCount: 0, capacity: 0))
    }
    if rescuedCount > 0, sites.count > 1 {
      sites[1].rescuedCount = rescuedCount
      sites[1].rescuedByteCount = 100 * rescuedCount
    }
    return LedgerSnapshot(
      process: LedgerProcess(
        id: processID, parentID: nil, userID: 1_000, command: command, host: "web-3", startTime: 77,
        pidNamespace: 4_026_531_836, bootID: "d2b1c1a2-0000-4000-8000-000000000000", madeAt: madeAt, pageSize: 4_096),
      seenProcessID: isRunning == true ? processID : nil, status: status, isRunning: isRunning, takenAt: takenAt,
      clock: LedgerClock(
        second: now, refreshedAt: takenAt, now: now, longestGap: longestGap, isMaintained: true, age: 0),
      ageBoundaries: [10, 60, 600, 3_600, 86_400], sums: sums, largest: [], sites: sites,
      domains: [Self.domain(0, ""), Self.domain(1, "shared"), Self.registry] + otherDomains,
      runningCleanups: [], scopes: [], answer: answer, history: history, peaks: peaks, unrecordedCount: 0, tornCount: 0,
      damage: [],
      entryCount: 10, entryCapacity: 1_000)
  }

  /// The second of the ledger's clock.
  private var now: Int { max(age, lines.compactMap(\.oldestAge).max() ?? 0) + 1 }

  /// Blocks of the size class with number 3.
  private var answer: LedgerAnswer? {
    guard let books else { return nil }
    let allocated = booksByteCount ?? SizeClass.byteCount(at: 3) * books.allocator
    return LedgerAnswer(
      number: 1, second: age + 1, age: answerAge, isComplete: answerIsComplete, malloc: "libc.so.6",
      mallocByteCount: 0, metadata: 0, residentSet: 0,
      arenas: [
        LedgerAnswer.Arena(
          domain: 1, number: 4, allocated: allocated, active: allocated, dirty: 0, muzzy: 0, retained: 0, metadata: 0,
          resident: allocated)
      ],
      classes: [
        LedgerAnswer.SizeClassCounts(
          domain: 1, bucket: 3, allocatorCount: books.allocator, liveCount: books.live, idleCount: books.idle,
          quarantinedCount: 0, detachedCount: 0, liveByteCount: 0)
      ])
  }

  private var peaks: [LedgerPeak] {
    let peaks = [earlierPeak, peak].compactMap { $0 }.map { peak in
      LedgerPeak(
        reason: .mostLiveBytes, second: peak.second, liveCount: peak.count, liveByteCount: peak.byteCount,
        requestedByteCount: 0,
        sites: lines.indices.map { .init(site: $0 + 1, count: peak.count, byteCount: peak.byteCount) })
    }
    guard let failedAllocation else { return peaks }
    let failure = LedgerPeak(
      reason: .failedAllocation, second: failedAllocation.second, liveCount: 1, liveByteCount: 1_024,
      requestedByteCount: failedAllocation.requestedByteCount, sites: [.init(site: 1, count: 1, byteCount: 1_024)])
    return peaks + [failure]
  }

  private static var registry: SnapshotDomain {
    SnapshotDomain(
      number: 2, kindNumber: DomainKind.finalizationRegistry.rawValue, name: "registry", isInUse: true, endedCount: 0,
      rescuedCount: 0, arenaNumber: nil, census: nil)
  }

  private var otherDomains: [SnapshotDomain] {
    domains.enumerated().map { index, domain in
      SnapshotDomain(
        number: 3 + index, kindNumber: DomainKind.custom.rawValue, name: domain.name, isInUse: true, endedCount: 0,
        rescuedCount: 0, arenaNumber: nil,
        census: domain.census.map { .init(count: $0.count, byteCount: 0, second: $0.second) })
    }
  }

  private static func domain(_ number: Int, _ name: String) -> SnapshotDomain {
    SnapshotDomain(
      number: number, kindNumber: number == 0 ? 0 : DomainKind.arena.rawValue, name: name, isInUse: true, endedCount: 0,
      rescuedCount: 0, arenaNumber: number == 0 ? nil : 4, census: nil)
  }
}

extension ScratchFolder {
  /// Writes a snapshot into a file, and returns its path.
  func write(_ made: MadeSnapshot, _ name: String) throws -> String { try write(made.snapshot, name) }

  func write(_ snapshot: LedgerSnapshot, _ name: String) throws -> String {
    try write(SnapshotFile.bytes(of: snapshot), name)
  }
}
