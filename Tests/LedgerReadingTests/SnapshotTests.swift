// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Snapshots of a ledger")
struct SnapshotTests {
  /// Reads a ledger of these bytes from a file.
  private func snapshot(_ image: LedgerImage, _ options: LedgerReader.Options = .init()) throws -> LedgerSnapshot {
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    return try LedgerReader(path: path).snapshot(options)
  }

  /// A sum in words: domain, use, bucket, line, keeper, age band, count, bytes and capacity.
  private func rows(_ snapshot: LedgerSnapshot) -> [String] {
    snapshot.sums.map { sum in
      let keeper = sum.keeper == .none ? "" : " kept by \(sum.keeper)"
      return
        "\(snapshot.domains[sum.domain].name) \(sum.use) \(sum.bucket) \(snapshot.sites[sum.site].site.file):"
        + "\(snapshot.sites[sum.site].site.line)\(keeper) band \(sum.ageBand): "
        + "\(sum.count) \(sum.byteCount) \(sum.capacity)"
    }
  }

  @Test("A ledger without resources gives a snapshot without rows")
  func empty() throws {
    let snapshot = try snapshot(LedgerImage())
    #expect(snapshot.sums.isEmpty && snapshot.largest.isEmpty && snapshot.history.isEmpty && snapshot.peaks.isEmpty)
    #expect(snapshot.sites.map(\.site) == [.unknown] && snapshot.domains.map(\.number) == [0])
    #expect(snapshot.damage.isEmpty && snapshot.tornCount == 0 && snapshot.answer == nil)
    #expect(snapshot.status == .inUse && snapshot.entryCount == 0)
    let process = try #require(snapshot.process)
    #expect(process.id == Int(getpid()) && process.command == "trial" && process.host == "host")
    #expect(process.parentID == nil && process.pageSize == 4_096)
  }

  @Test("Resources are added up by domain, use, size class, line, keeper and age")
  func sums() throws {
    var image = LedgerImage()
    let a = image.addSite("A.swift", 1, "a()")
    let b = image.addSite("B.swift", 2, "b()", rescued: (3, 300))
    image.addSite("Unused.swift", 3, "c()")
    let arena = image.addDomain(1, "arena")
    let files = image.addDomain(5, "files")
    for _ in 0..<3 { image.addEntry(byteCount: 100, capacity: 128, site: a, domain: arena, bucket: 8, birth: 995) }
    image.addEntry(byteCount: 90, capacity: 128, site: a, domain: arena, bucket: 8, birth: 300, generation: 7)
    image.addEntry(.idle, byteCount: 90, capacity: 128, site: b, domain: arena, bucket: 8, birth: 300)
    image.addEntry(.quarantined, byteCount: 90, capacity: 128, site: b, domain: arena, bucket: 8, birth: 1)
    image.addEntry(.free, byteCount: 90, capacity: 128, site: b, domain: arena, bucket: 8, birth: 1)
    image.addEntry(bits: 1 << 5 | 1 << 3, byteCount: 1, capacity: 2, site: b, domain: arena, bucket: 9, birth: 1_000)
    image.addEntry(bits: 1 << 3 | 2 << 6, byteCount: 3, capacity: 4, site: b, domain: arena, bucket: 9, birth: 1_000)
    image.addEntry(byteCount: 5, capacity: 5, site: b, domain: files, birth: 1_000, scope: 1 << 31)
    image.addEntry(bits: 1 << 2, byteCount: 6, capacity: 6, site: b, domain: files, birth: 1_000)
    let snapshot = try snapshot(image)
    #expect(
      rows(snapshot) == [
        "arena live 8 A.swift:1 band 0: 3 300 384",
        "arena live 8 A.swift:1 band 3: 1 90 128",
        "arena releasing 9 B.swift:2 band 0: 1 3 4",
        "arena detached 9 B.swift:2 band 0: 1 1 2",
        "arena idle 8 (unknown):0 band 0: 1 0 128",
        "arena quarantined 8 B.swift:2 band 3: 1 90 128",
        "files live 0 B.swift:2 kept by cache band 0: 1 6 6",
        "files live 0 B.swift:2 kept by process band 0: 1 5 5",
      ])
    #expect(snapshot.sums.map(\.oldestBirth) == [995, 300, 1_000, 1_000, 0, 1, 1_000, 1_000])
    #expect(snapshot.sites.map(\.site.file) == ["(unknown)", "A.swift", "B.swift"])
    #expect(snapshot.sites[2].rescuedCount == 3 && snapshot.sites[2].rescuedByteCount == 300)
    #expect(snapshot.domains.map(\.name) == ["", "arena", "files"])
    #expect(snapshot.domains[1].endedCount == 7 && snapshot.domains[1].kind == .arena)
    #expect(snapshot.largest.map(\.byteCount) == [100, 100, 100, 90, 6, 5, 3, 1])
    #expect(snapshot.largest.map(\.index) == [0, 1, 2, 3, 10, 9, 8, 7])
    #expect(snapshot.largest[6].pinCount == 2 && snapshot.largest[3].age == 700)
    let json = try JSONEncoder().encode(snapshot)
    #expect(try JSONDecoder().decode(LedgerSnapshot.self, from: json) == snapshot)
  }

  @Test("The birth of a sum is the earliest one in whatever order, and births that are not known do not count")
  func births() throws {
    for births in [[993, 995, 0, 997], [997, 0, 995, 993], [0, 993, 0], [0, 0]] {
      var image = LedgerImage()
      for birth in births { image.addEntry(byteCount: 1, birth: birth) }
      #expect(try snapshot(image).sums.map(\.oldestBirth) == [births.contains(993) ? 993 : 0], "\(births)")
    }
  }

  @Test("The largest resources are kept in order, and equal ones by their place in the ledger")
  func largest() throws {
    var image = LedgerImage(capacities: [.entries: 1_000])
    var generator = SeededGenerator(seed: 7)
    let sizes = (0..<1_000).map { _ in Int.random(in: 0...300, using: &generator) }
    for size in sizes { image.addEntry(byteCount: size, birth: 1) }
    var options = LedgerReader.Options()
    for limit in [0, 1, 10, 999, 1_000, 2_000] {
      options.largestCount = limit
      let expected = sizes.enumerated().sorted { ($1.element, $0.offset) < ($0.element, $1.offset) }.prefix(limit)
      #expect(try snapshot(image, options).largest.map(\.index) == expected.map(\.offset))
    }
  }

  @Test("A least age is a boundary of the age bands, and births that may be recorded too early do not count as old")
  func ages() throws {
    var image = LedgerImage()
    image.set(200, UInt32(20))
    for age in [0, 59, 60, 89, 90, 110, 600] { image.addEntry(byteCount: 1, birth: 1_000 - age) }
    let snapshot = try snapshot(image, .init(leastAge: 70))
    #expect(snapshot.ageBoundaries == [10, 60, 90, 600, 3_600, 86_400])
    let band = try #require(snapshot.firstBand(surelyOfAge: 70))
    #expect(snapshot.ages(ofBand: band) == (90, 600))
    #expect(snapshot.sums.filter { $0.ageBand >= band }.reduce(0) { $0 + $1.count } == 3)
    #expect(snapshot.firstBand(surelyOfAge: 0) == 2 && snapshot.firstBand(surelyOfAge: -20) == 0)
    #expect(snapshot.firstBand(surelyOfAge: 100_000) == nil && snapshot.firstBand(surelyOfAge: .max) == nil)
  }

  @Test("An answer, the history, peaks, scopes and a census are read as the article says")
  func tables() throws {
    var image = LedgerImage()
    let site = image.addSite("A.swift", 1, "a()")
    let arena = image.addDomain(1, "arena")
    let census = image.offset(.domains, arena)
    image.set(census + 68, UInt32(990))
    image.set(census + 72, UInt64(4))
    image.set(census + 80, UInt64(512))
    image.set(census + 88, UInt32(12))
    image.set(census + 96, UInt64(40))
    image.set(census + 104, UInt64(5))
    image.addEntry(byteCount: 1, birth: 1, scope: 65)
    // There is room for 64 scopes, so 65 is at index 1.
    let scope = image.offset(.scopes, 1)
    image.setCount(.scopes, 2)
    image.set(scope, UInt32(65))
    image.set(scope + 4, UInt32(3))
    image.set(scope + 8, UInt32(900))
    image.setText(scope + 16, "thumbnails", 48)
    // Answer 5 is in the second half.
    image.set(264, UInt64(5))
    image.set(208, UInt64(9_000_000_000))
    let answer = image.offset(.answers, 1)
    image.set(answer, UInt64(5))
    image.set(answer + 8, UInt64(7_500_000_000))
    image.set(answer + 16, UInt32(1))
    image.set(answer + 20, UInt32(1))
    image.set(answer + 28, UInt32(998))
    image.setText(answer + 32, "libc.so.6", 32)
    image.set(answer + 64, UInt64.max)
    image.set(answer + 72, UInt64(11))
    image.set(answer + 80, UInt64(12))
    let arenaRow = image.offset(.answerArenas, 16)
    image.set(arenaRow, UInt32(arena))
    image.set(arenaRow + 4, UInt32(12))
    for field in 1...7 { image.set(arenaRow + field * 8, UInt64(field)) }
    let classRow = image.offset(.answerClasses, 32)
    image.set(classRow, UInt32(arena))
    image.set(classRow + 4, UInt32(8))
    for field in 1...6 { image.set(classRow + field * 8, UInt64(field)) }
    // Two samples of this hour, one of the hour before, and one in a place that is not its own.
    for second in [999, 1_000] {
      let sample = image.offset(.history, second)
      image.set(sample, UInt32(second))
      for field in 1...7 { image.set(sample + field * 8, UInt64(second * 10 + field)) }
    }
    image.set(image.offset(.history, 7), UInt32(8))
    let peak = image.offset(.peaks, 1)
    image.set(peak, UInt32(950))
    image.set(peak + 4, UInt32(2))
    image.set(peak + 8, UInt64(6))
    image.set(peak + 16, UInt64(7))
    image.set(peak + 24, UInt64(8))
    image.set(peak + 32, UInt32(site))
    image.set(peak + 40, UInt64(2))
    image.set(peak + 48, UInt64(3))
    image.set(256, UInt64(77))

    let snapshot = try snapshot(image)
    let domain = snapshot.domains[1]
    #expect(domain.census == .init(count: 4, byteCount: 512, second: 990) && domain.arenaNumber == 12)
    #expect(domain.endedCount == 40 && domain.rescuedCount == 5)
    #expect(snapshot.scopes == [SnapshotScope(number: 65, parent: 3, name: "thumbnails", began: 900, ended: nil)])
    let read = try #require(snapshot.answer)
    #expect(read.number == 5 && read.second == 998 && read.age == 1.5 && read.isComplete)
    #expect(read.malloc == "libc.so.6" && read.mallocByteCount == nil && read.metadata == 11 && read.residentSet == 12)
    #expect(
      read.arenas == [
        .init(
          domain: 1, number: 12, allocated: 1, active: 2, dirty: 3, muzzy: 4, retained: 5, metadata: 6, resident: 7)
      ])
    #expect(
      read.classes == [
        .init(
          domain: 1, bucket: 8, allocatorCount: 1, liveCount: 2, idleCount: 3, quarantinedCount: 4, detachedCount: 5,
          liveByteCount: 6)
      ])
    #expect(snapshot.history.map(\.second) == [999, 1_000])
    #expect(
      snapshot.history.first
        == HistorySample(
          second: 999, pressure: 0, liveCount: 9_991, liveByteCount: 9_992, idleByteCount: 9_993, residentSet: 9_994,
          disposedCount: 9_995, rescuedCount: 9_996, budgetByteCount: 9_997))
    #expect(
      snapshot.peaks == [
        LedgerPeak(
          reason: .failedAllocation, second: 950, liveCount: 6, liveByteCount: 7, requestedByteCount: 8,
          sites: [.init(site: 1, count: 2, byteCount: 3)])
      ])
    #expect(snapshot.sites[1].site.file == "A.swift" && snapshot.unrecordedCount == 77)
  }

  @Test("Texts of a ledger cannot move the cursor of a terminal, and bytes that are no UTF-8 are replaced")
  func texts() throws {
    var image = LedgerImage()
    let site = image.addSite(Array("a\u{1B}[2J\u{202E}é".utf8) + [0xFF], 1, Array("f(\u{7F})\n".utf8))
    image.addEntry(site: site, birth: 1)
    let read = try #require(try snapshot(image).sites.last?.site)
    #expect(read.file == #"a\u{1B}[2J\u{202E}é\#u{FFFD}"# && read.function == #"f(\u{7F})\u{A}"#)
  }

  @Test("A snapshot whose rows refer to what is not there is refused")
  func decoding() throws {
    var image = LedgerImage()
    image.addEntry(byteCount: 1, birth: 1)
    let sound = try snapshot(image)
    func isRefused(_ change: (inout LedgerSnapshot) -> Void) throws -> Bool {
      var snapshot = sound
      change(&snapshot)
      let json = try JSONEncoder().encode(snapshot)
      return (try? JSONDecoder().decode(LedgerSnapshot.self, from: json)) == nil
    }
    #expect(try !isRefused { _ in })
    #expect(try isRefused { $0.sums[0].site = 1 })
    #expect(try isRefused { $0.sums[0].domain = -1 })
    #expect(try isRefused { $0.sums[0].ageBand = 6 })
    #expect(try isRefused { $0.largest[0].site = 1 })
    #expect(try isRefused { $0.sites = [] })
    #expect(try isRefused { $0.version = 2 })
  }
}
