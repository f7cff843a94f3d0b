// SPDX-License-Identifier: Apache-2.0

import Finalization
import Foundation
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

@testable import LeakAuditing

@Suite("Audit: which line holds the memory now")
struct UsageTests {
  private final class Target {}

  /// What the functions below created: other tests run in the same process.
  private func own(_ usage: LiveUsage, _ function: String) -> [LiveUsage.Line] {
    usage.lines.filter { $0.site.file.hasSuffix("UsageTests.swift") && $0.site.function == function }
  }

  @Test("Each line that holds something has its count, its bytes, its arena or domain and an age")
  func lines() throws {
    let arena = try Arena(name: "usage of lines")
    let buffers = try (0..<3).map { _ in try NativeBuffer(byteCount: 1_000_000, arena: arena) }
    let shared = try NativeBuffer(byteCount: 10)
    let resource = try NativeResource(1, byteCount: 7_000_000) { _ in }
    let gone = try NativeBuffer(byteCount: 1, arena: arena)
    gone.dispose()
    let rows = own(LeakAuditor.usage(), "lines()")
    #expect(rows.map(\.site.byteCount) == [7_000_000, 3_000_000, 10])
    #expect(rows.map(\.site.count) == [1, 3, 1])
    #expect(rows.map(\.domainKind) == ["native resources", "arena", "arena"])
    #expect(rows[1].domain == "usage of lines")
    #expect(rows.map(\.site.line) == rows.map(\.site.line).filter { $0 > 0 })
    #expect(rows.allSatisfy { ($0.site.oldestAge ?? -1) >= 0 })
    #expect(rows[1].site.description.hasPrefix("3 × LeakAuditingTests/UsageTests.swift:"))
    resource.dispose()
    shared.dispose()
    for buffer in buffers { buffer.dispose() }
    #expect(own(LeakAuditor.usage(), "lines()").isEmpty)
    try arena.destroy()
  }

  @Test("A domain has the sums of its lines, and registrations are a domain, but not among what is live")
  func domains() throws {
    let arena = try Arena(name: "usage of domains")
    let registry = FinalizationRegistry<Int>(name: "usage of registrations", delivery: .manual) { _ in }
    let target = Target()
    let registration = try registry.register(target, holding: 1, byteCount: 1 << 47)
    let buffers = try (1...4).map { try NativeBuffer(byteCount: $0, arena: arena) }
    let other = try NativeBuffer(byteCount: 5, arena: arena)
    let usage = LeakAuditor.usage()
    let domain = try #require(usage.domains.first { $0.name == "usage of domains" })
    #expect(domain.kind == "arena" && domain.count == 5 && domain.byteCount == 15 && domain.oldestAge != nil)
    #expect(usage.domains.contains { $0.name == "usage of registrations" && $0.count == 1 })
    let counted = usage.domains.filter { $0.kind != "finalization registry" }
    #expect(usage.count == counted.reduce(0) { $0 + $1.count })
    #expect(usage.byteCount == .clampedSum(counted.map(\.byteCount)))
    #expect(usage.text.contains("\"usage of domains\" (arena)"))
    #expect(usage.description.contains(" live, "))
    registration.cancel()
    for buffer in buffers + [other] { buffer.dispose() }
    try arena.destroy()
    withExtendedLifetime(target) {}
  }

  @Test("The top lines come once each, whatever domains their resources are in, most bytes first")
  func top() throws {
    let arenas = try (0..<2).map { try Arena(name: "usage of top \($0)") }
    let buffers = try arenas.map { try NativeBuffer(byteCount: 1 << 31, arena: $0) }
    let larger = try NativeBuffer(byteCount: 5 << 30, arena: arenas[0])
    let usage = LeakAuditor.usage()
    #expect(own(usage, "top()").count == 3)
    let sites = usage.sites()
    let ownSites = sites.filter { $0.function == "top()" && $0.file.hasSuffix("UsageTests.swift") }
    #expect(ownSites.map(\.byteCount) == [5 << 30, 1 << 32])
    #expect(ownSites.map(\.count) == [1, 2])
    #expect(zip(sites, sites.dropFirst()).allSatisfy { $0.byteCount >= $1.byteCount })
    #expect(usage.sites(top: 2) == Array(sites.prefix(2)))
    #expect(usage.sites(top: 0).isEmpty && usage.sites(top: -1).isEmpty)
    #expect(usage.sites().count == Set(usage.lines.map { "\($0.site.file):\($0.site.line)\($0.site.function)" }).count)
    larger.dispose()
    for buffer in buffers { buffer.dispose() }
    for arena in arenas { try arena.destroy() }
  }

  @Test("What unsafeDetach gave away is not live")
  func detached() throws {
    let arena = try Arena(name: "usage of detached memory")
    let buffer = try NativeBuffer(byteCount: 100, arena: arena)
    let memory = unsafe try buffer.unsafeDetach()
    #expect(own(LeakAuditor.usage(), "detached()").isEmpty)
    unsafe memory.release()
    try arena.destroy()
  }

  @Test("Counts are exact for what lives during the whole call, while other threads create and dispose")
  func concurrent() throws {
    let arena = try Arena(name: "usage under load")
    let buffers = try (0..<100).map { _ in try NativeBuffer(byteCount: 64, arena: arena) }
    onThreads(3) { thread in
      for _ in 0..<20 {
        if thread == 0 {
          let row = own(LeakAuditor.usage(), "concurrent()").filter { $0.domain == "usage under load" }
          #expect(row.map(\.site.count) == [100])
        } else {
          for _ in 0..<20 { _ = try? NativeBuffer(byteCount: 64).dispose() }
        }
      }
    }
    for buffer in buffers { buffer.dispose() }
    try arena.destroy()
  }

  @Test("An audit's report has the lines that hold most, at the end of its text and in JSON")
  func report() throws {
    let buffer = try NativeBuffer(uninitializedByteCount: 9 << 30)
    let report = try LeakAuditor.audit()
    #expect(report.liveSites().contains { $0.byteCount == 9 << 30 && $0.function == "report()" })
    // Other tests may hold more at the same time.
    let first = try #require(report.liveSites(top: 1).first)
    let end = report.text.components(separatedBy: "live now, by line")
    #expect(end.count == 2 && end[1].contains(first.text))
    #expect(end[1].split(separator: "\n").count <= 6)
    #expect(report.description.contains(", most of it from \(first.file):\(first.line)"))
    let copy = try JSONDecoder().decode(AuditReport.self, from: JSONEncoder().encode(report))
    #expect(copy.live == report.live)
    buffer.dispose()
  }

  @Test("A report that was encoded before reports had live lines is read, and has none")
  func oldReport() throws {
    let report = try LeakAuditor.audit()
    var object = try #require(
      JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any])
    object["live"] = nil
    let old = try JSONDecoder().decode(AuditReport.self, from: JSONSerialization.data(withJSONObject: object))
    #expect(old.live == .none && old.liveSites().isEmpty)
    #expect(!old.text.contains("live now"))
  }

  @Test("Each kind of report has a text, and a description of one line")
  func texts() throws {
    let arena = try Arena(name: "texts")
    var kept: NativeBuffer?
    let (_, report) = try LeakAuditor.scope("texts") { kept = try NativeBuffer(byteCount: 1_000, arena: arena) }
    let finding = try #require(report.findings.first)
    let place = try #require(finding.sites.first)
    #expect(finding.description == "held: 1 of 1,000 bytes, size class 1,024, created at \(place.file):\(place.line)")
    #expect(finding.text.hasPrefix("held: 1 of 1,000 bytes, size class 1,024\n  live after"))
    #expect(report.description == "\"texts\": faults; \(finding.description)")
    #expect(report.text.contains("scope \"texts\"\n\nfindings\n  held: 1"))
    #expect(report.text.hasSuffix(report.verdict.text))
    let audit = try LeakAuditor.audit()
    let books = try #require(audit.arenas.first { $0.name == "texts" })
    #expect(books.description == "arena \"texts\": live 1 of 1,024 bytes, idle 0 bytes, difference 0")
    #expect(books.text.hasPrefix("arena \"texts\"\n"))
    for domain in audit.domains {
      #expect(domain.description.contains("census") && !domain.description.contains("\n"))
      #expect(domain.text.contains("\"\(domain.name)\""))
    }
    kept?.dispose()
    try arena.destroy()
  }
}
