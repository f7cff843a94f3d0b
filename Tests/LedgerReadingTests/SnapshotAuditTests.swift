// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Audits of a snapshot")
struct SnapshotAuditTests {
  private func snapshot(_ image: LedgerImage, leastAge: Int? = nil) throws -> LedgerSnapshot {
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    return try LedgerReader(path: path).snapshot(.init(leastAge: leastAge))
  }

  /// A finding in words: kind, count, bytes, and the lines' files.
  private func rows(_ audit: SnapshotAudit) -> [String] {
    audit.findings.map { finding in
      let place = finding.arena.map { " \($0)" } ?? finding.domain.map { " \($0)" } ?? ""
      return "\(finding.kind)\(place) \(finding.count) \(finding.byteCount) \(finding.sites.map(\.file))"
    }
  }

  /// A ledger with an arena and a domain of descriptors, whose process has ended (2) or not (1).
  /// - Parameter bootID: 0 if it is not known, and so not whether the process runs; any other is that of another boot.
  private func image(state: Int, bootID: UInt64 = 0) -> LedgerImage {
    var image = LedgerImage()
    image.set(12, UInt32(state))
    image.set(64, bootID)
    let a = image.addSite("A.swift", 1, "a()")
    let b = image.addSite("B.swift", 2, "b()", rescued: (2, 20))
    let arena = image.addDomain(1, "arena")
    let files = image.addDomain(5, "files")
    image.addEntry(byteCount: 60, capacity: 64, site: a, domain: arena, bucket: 4, birth: 100)
    image.addEntry(byteCount: 50, capacity: 64, site: b, domain: arena, bucket: 4, birth: 990)
    image.addEntry(bits: 1 << 2, byteCount: 40, capacity: 64, site: b, domain: arena, bucket: 4, birth: 100)
    image.addEntry(byteCount: 40, capacity: 64, site: b, domain: arena, bucket: 4, birth: 100, scope: 1 << 31 | 7)
    image.addEntry(.idle, capacity: 64, domain: arena, bucket: 4)
    image.addEntry(site: a, domain: files, birth: 200)
    return image
  }

  @Test("What is live when its process ends is held, except for what is kept on purpose; before that it is no finding")
  func held() throws {
    let running = SnapshotAudit(try snapshot(image(state: 1, bootID: 7)))
    #expect(
      rows(running) == [
        "live 2 110 [\"A.swift\", \"B.swift\"]", "rescued 2 20 [\"B.swift\"]", "live files 1 0 [\"A.swift\"]",
      ])
    let unknown = SnapshotAudit(try snapshot(image(state: 1)))
    #expect(rows(unknown) == ["rescued 2 20 [\"B.swift\"]"])
    let ended = try snapshot(image(state: 2))
    #expect(
      rows(SnapshotAudit(ended)) == [
        "held 2 110 [\"A.swift\", \"B.swift\"]", "rescued 2 20 [\"B.swift\"]", "held files 1 0 [\"A.swift\"]",
      ])
    #expect(SnapshotAudit(ended).verdict == .notes)
    var options = SnapshotAudit.Options()
    options.faults.insert(.held)
    #expect(SnapshotAudit(ended, options).verdict == .faults)
    #expect(rows(SnapshotAudit(ended, options)).map { $0.prefix(4) } == ["held", "held", "resc"])
    options.includes = { $0.file == "B.swift" }
    #expect(rows(SnapshotAudit(ended, options)) == ["held 1 50 [\"B.swift\"]", "rescued 2 20 [\"B.swift\"]"])
  }

  @Test("Only if an age is asked for, what is surely that old is a finding")
  func old() throws {
    var image = image(state: 1)
    image.set(200, UInt32(100))
    let snapshot = try snapshot(image, leastAge: 750)
    var options = SnapshotAudit.Options()
    options.leastAge = 750
    // The entry of second 200 is 800 seconds old, but its birth may have been recorded 100 seconds too early.
    let old = SnapshotAudit(snapshot, options).findings.filter { $0.kind == .old }
    #expect(old.map(\.count) == [1] && old.first?.sites.map(\.file) == ["A.swift"])
    #expect(old.first?.reason == "live for 12 min 30 s or longer")
    options.leastAge = nil
    #expect(!SnapshotAudit(snapshot, options).findings.contains { $0.kind == .old })
  }

  @Test("A snapshot that was taken without an age still finds what is that old, because it has the age of the oldest")
  func oldWithoutBoundary() throws {
    var image = image(state: 1)
    image.set(200, UInt32(100))
    let snapshot = try snapshot(image)
    var options = SnapshotAudit.Options()
    for (age, count) in [(750, 1), (800, 1), (801, 0), (Int.max, 0)] {
      options.leastAge = age
      let old = SnapshotAudit(snapshot, options).findings.filter { $0.kind == .old }
      #expect(old.map(\.count) == (count == 0 ? [] : [count]), "\(age)")
      #expect(old.first?.reason?.contains("only the oldest is known to be") != false)
    }
  }

  @Test("Orphans and ghosts come from both books of the last answer")
  func answer() throws {
    var image = image(state: 1)
    image.set(264, UInt64(2))
    image.set(image.offset(.answers), UInt64(2))
    image.set(image.offset(.answers) + 16, UInt32(1))
    image.set(image.offset(.answers) + 20, UInt32(3))
    image.set(image.offset(.answerArenas), UInt32(1))
    // Size class 4 agrees: 4 live and 1 idle. Class 5 has an orphan, and class 6 has a ghost.
    for (index, row) in [(4, 5, 4, 1), (5, 3, 2, 0), (6, 0, 1, 0)].enumerated() {
      let record = image.offset(.answerClasses, index)
      image.set(record, UInt32(1))
      image.set(record + 4, UInt32(row.0))
      image.set(record + 8, UInt64(row.1))
      image.set(record + 16, UInt64(row.2))
      image.set(record + 24, UInt64(row.3))
    }
    let audit = SnapshotAudit(try snapshot(image))
    #expect(audit.verdict == .faults && audit.answerAge == 0 && !audit.isPartial)
    #expect(
      audit.findings.filter(\.kind.isFault) == [
        Finding(kind: .ghost, count: 1, byteCount: 96, sizeClass: 96, arena: "arena"),
        Finding(kind: .orphan, count: 1, byteCount: 80, sizeClass: 80, arena: "arena"),
      ])
    #expect(audit.arenas.map(\.live.count) == [7] && audit.arenas.map(\.difference) == [2])
    // Its flag says that not all size classes had room.
    image.set(image.offset(.answers) + 24, UInt32(1))
    #expect(SnapshotAudit(try snapshot(image)).isPartial)
  }

  @Test("A cleanup that runs for too long is a fault, with the line that registered it")
  func stuck() throws {
    var image = LedgerImage()
    let site = image.addSite("A.swift", 1, "a()")
    let registry = image.addDomain(3, "registry")
    // The process's clock is at 100 s, and the cleanups began at 70, at 95 and not yet.
    image.set(208, UInt64(100_000_000_000))
    for start in [70_000, 95_000, 0] {
      let entry = image.addEntry(bits: 1 << 3, site: site, domain: registry, birth: 1)
      image.set(image.offset(.entries, entry) + 52, UInt32(start == 0 ? 0 : start | 1))
    }
    let snapshot = try snapshot(image)
    #expect(snapshot.runningCleanups.map { $0.age.rounded() } == [30, 5])
    let finding = try #require(SnapshotAudit(snapshot).findings.first)
    #expect(finding.kind == .stuck && finding.count == 1 && finding.waiting == nil && finding.sites.map(\.line) == [1])
    #expect(SnapshotAudit(snapshot).verdict == .faults)
  }

  @Test("Numbers of a snapshot that cannot be are audited without a trap", arguments: [Int.min, -1, 1 << 62, .max])
  func hostile(_ number: Int) async throws {
    var snapshot = try snapshot(image(state: 2))
    snapshot.unrecordedCount = number
    snapshot.domains[1].endedCount = number
    snapshot.domains[1].rescuedCount = number
    snapshot.sums = snapshot.sums.map {
      var sum = $0
      (sum.bucket, sum.count, sum.byteCount, sum.capacity) = (number, number, number, number)
      return sum
    }
    snapshot.sites[1].rescuedCount = number
    snapshot.ageBoundaries = [number, number]
    snapshot.clock.longestGap = number
    snapshot.clock.now = number
    snapshot.runningCleanups = [.init(site: 0, domain: 0, age: .infinity), .init(site: 0, domain: 0, age: .nan)]
    snapshot.answer = LedgerAnswer(
      number: number, second: number, age: .nan, isComplete: true, malloc: "", metadata: number, residentSet: number,
      arenas: [
        .init(
          domain: 1, number: number, allocated: number, active: number, dirty: number, muzzy: number, retained: number,
          metadata: number, resident: number)
      ],
      classes: [4, 231, number].map {
        .init(
          domain: 1, bucket: $0, allocatorCount: number, liveCount: number, idleCount: number,
          quarantinedCount: number, detachedCount: number, liveByteCount: number)
      })
    var options = SnapshotAudit.Options()
    options.leastAge = 5
    let audit = SnapshotAudit(snapshot, options)
    #expect(audit.arenas.count == 1 && audit.arenas[0].textLines.count > 3)
    _ = Finding.textLines(audit.findings)
  }
}
