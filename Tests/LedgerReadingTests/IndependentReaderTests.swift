// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Two readers of real ledgers")
struct IndependentReaderTests {
  /// Finds a Python 3 interpreter on the path.
  private static let python = Command.onPath("python3")

  /// What the reader in Python prints.
  private struct Report: Decodable {
    struct Domain: Decodable, Equatable {
      let name: String
      let kind: UInt32
      let isInUse: Bool
      let ended: Int
    }
    let state: Int
    let pageSize: Int
    let process: Int
    let user: Int
    let startTime: UInt64
    let pidNamespace: UInt64
    let boot: String
    let command: String
    let host: String
    let second: Int
    let unrecorded: Int
    let entries: Int
    let rows: [[Cell]]
    let rescued: [String: [Int]]
    let domains: [String: Domain]
    let history: [Int]
  }

  /// A text or a number of a row.
  private struct Cell: Decodable, CustomStringConvertible {
    let description: String
    init(from decoder: any Decoder) throws {
      let value = try decoder.singleValueContainer()
      description = try (try? value.decode(Int.self)).map { "\($0)" } ?? value.decode(String.self)
    }
  }

  /// Runs the reader that was written from the article alone.
  private func readByPython(_ path: String) throws -> Report {
    let script = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "IndependentReader/read_ledger.py").path
    let outcome = try Command.run(try #require(Self.python), [script, path])
    try #require(outcome.exitCode == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
  }

  /// A ledger of several domains, lines and lives.
  private func filledLedger(_ generator: inout SeededGenerator) throws -> Ledger {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let domains = try [("arena", DomainKind.arena), ("files", .fileDescriptor), ("déjà vu", .custom)]
      .map { try ledger.addDomain($0.1, name: $0.0) }
    let sites = (1...40).map { ledger.intern(file: "Module/Näme.swift", line: UInt($0), function: "function(_:)") }
    var entries: [(LedgerEntry, EntryWord)] = []
    for number in 0..<3_000 {
      let domain = domains.randomElement(using: &generator)!.id
      let bucket = UInt8.random(in: 0...200, using: &generator)
      let entry = try ledger.acquireEntry(.init(domain: domain.number, bucket: bucket))
      entry.capacity = 1 << Int.random(in: 3...48, using: &generator)
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let scope = CreationScope(rawValue: UInt32(number))
        let key = entry.beginLife(
          byteCount: Int.random(in: 0...entry.capacity, using: &generator),
          site: sites.randomElement(using: &generator)!, scope: number % 7 == 0 ? scope.ofProcessLifetime : scope)
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: _ = entry.endLife(as: .idle)
        case 1: _ = entry.endLife(as: .quarantined)
        case 2: _ = entry.detach(key: key)
        case 3:
          _ = entry.pin(key: key)
          _ = entry.requestRelease(key: key)
        case 4: entry.setHeldByCache(true, key: key)
        case 5:
          entry.setHeldByCache(true, key: key)
          _ = entry.pin(key: key)
          _ = entry.requestRelease(key: key)
        default: break
        }
        entries.append((entry, key))
        if !entry.word.state.isIdle { break }
      }
      if number % 5 == 0 { ledger.recordRescue(at: sites.randomElement(using: &generator)!, byteCount: number) }
    }
    domains[2].giveBack()
    return ledger
  }

  @Test(
    "A reader in Python that was written from the article reads the same as LedgerReader", .enabled(if: python != nil))
  func comparison() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("a ledger for two readers: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let ledger = try filledLedger(&generator)
    let path = ledger.writeFile()
    defer { unsafe unlink(path) }
    let snapshot = try withMappedFile(path) { try LedgerReader(path: path).snapshot() }
    let report = try readByPython(path)

    let process = try #require(snapshot.process)
    #expect(snapshot.damage.isEmpty && snapshot.tornCount == 0 && snapshot.isRunning == true)
    #expect(process.id == report.process && process.id == Int(getpid()) && process.parentID == nil)
    #expect(process.userID == report.user && process.userID == Int(getuid()))
    #expect(process.startTime == report.startTime && process.pidNamespace == report.pidNamespace)
    #expect(process.bootID?.filter { $0 != "-" } == report.boot && process.host == report.host)
    #expect(process.command == report.command && process.pageSize == report.pageSize && report.state == 1)
    #expect(snapshot.clock.second == report.second && snapshot.unrecordedCount == report.unrecorded)
    #expect(snapshot.entryCount == report.entries && report.entries == ledger.entryCount)
    #expect(snapshot.history.map(\.second) == report.history)

    // The reader in Python has no age bands, so they are added up.
    var sums: [String: (count: Int, byteCount: Int, capacity: Int)] = [:]
    for sum in snapshot.sums {
      let site = snapshot.sites[sum.site].site
      let key = [
        snapshot.domains[sum.domain].name, "\(sum.use)", "\(sum.bucket)", site.file, "\(site.line)", site.function,
        "\(sum.keeper)",
      ].joined(separator: "|")
      sums[key, default: (0, 0, 0)].count += sum.count
      sums[key, default: (0, 0, 0)].byteCount += sum.byteCount
      sums[key, default: (0, 0, 0)].capacity += sum.capacity
    }
    let swift = sums.map { "\($0.key): \($0.value.count) \($0.value.byteCount) \($0.value.capacity)" }.sorted()
    let python = report.rows.map { row in
      row[..<7].map(\.description).joined(separator: "|") + ": \(row[7]) \(row[8]) \(row[9])"
    }.sorted()
    #expect(swift == python && swift.count > 500)
    let rescued = snapshot.sites.filter { $0.rescuedCount > 0 }
      .map { ("\($0.site.file):\($0.site.line)", [$0.rescuedCount, $0.rescuedByteCount]) }
    #expect(Dictionary(uniqueKeysWithValues: rescued) == report.rescued && rescued.count > 10)
    let domains = snapshot.domains.dropFirst().map {
      ("\($0.number)", Report.Domain(name: $0.name, kind: $0.kindNumber, isInUse: $0.isInUse, ended: $0.endedCount))
    }
    #expect(Dictionary(uniqueKeysWithValues: domains) == report.domains && domains.count == 3)
  }
}

extension EntryState {
  fileprivate var isIdle: Bool { self == .idle }
}
