// SPDX-License-Identifier: Apache-2.0

import Finalization
import Foundation
import NativeBuffers
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import LeakAuditing
@testable import LedgerReading

@Suite("Audit: domains that count themselves")
struct DomainTests {
  private static let site = "LeakAuditingTests/DomainTests.swift"

  /// Audits a domain of a client, with two resources of 100 bytes in the ledger and the given census.
  private func audit(
    _ name: String, _ census: @autoclosure @escaping @Sendable () -> Census
  ) throws -> (books: DomainBooks, findings: [Finding], line: Int) {
    let domain = StatedDomain(name) { census() }
    let id = try ResourceDomains.add(domain)
    defer { ResourceDomains.remove(domain) }
    let resources = try (0..<2).map { try NativeResource($0, domain: id, byteCount: 100) { _ in } }; let line = #line
    defer { for resource in resources { resource.dispose() } }
    let report = try LeakAuditor.audit()
    #expect(report.domains.filter { $0.name == name }.count == 1)
    return (try #require(report.books(name)), report.findings(name), line)
  }

  @Test("A domain whose census equals its ledger entries has no finding, and both books are reported")
  func agree() throws {
    let (books, findings, _) = try audit("agreeing", Census(count: 2, byteCount: 200))
    #expect(findings == [])
    #expect(books.census == BookTotals(count: 2, byteCount: 200))
    #expect(books.ledger == BookTotals(count: 2, byteCount: 200))
    #expect(books.kind == "custom" && books.countsBytes && books.isSettled && books.sites == [])
    #expect(books.difference == 0 && books.differenceByteCount == 0)
  }

  @Test("An audit writes the census of each domain into the ledger, for other processes")
  func record() throws {
    let domain = StatedDomain("recorded") { Census(count: 3, byteCount: 340) }
    let id = try ResourceDomains.add(domain)
    defer { ResourceDomains.remove(domain) }
    _ = try LeakAuditor.audit()
    func field(_ field: Int) -> UInt64 {
      unsafe Ledger.shared.domainField64(field, of: id).pointee.load(ordering: .relaxed)
    }
    #expect(field(LedgerLayout.DomainField.censusCount) == 3 && field(LedgerLayout.DomainField.censusBytes) == 340)
    // The sequence number is even, and the second is known.
    #expect(field(LedgerLayout.DomainField.censusSequence) & 1 == 0)
    #expect(field(LedgerLayout.DomainField.censusSequence) >> 32 > 0)
  }

  @Test("If the census has one more than the ledger, there is an orphan, with its bytes and the domain's name")
  func orphan() throws {
    let (books, findings, line) = try audit("one more", Census(count: 3, byteCount: 340))
    #expect(findings == [Finding(kind: .orphan, count: 1, byteCount: 140, domain: "one more", domainKind: "custom")])
    #expect(books.difference == 1 && books.differenceByteCount == 140 && books.isSettled)
    #expect(books.sites.map(\.line) == [line] && books.sites.map(\.count) == [2])
  }

  @Test("If the census has one less than the ledger, there is a ghost, with the lines of the ledger's entries")
  func ghost() throws {
    let (books, findings, line) = try audit("one less", Census(count: 1, byteCount: 100))
    #expect(findings == [Finding(kind: .ghost, count: 1, byteCount: 100, domain: "one less", domainKind: "custom")])
    #expect(books.sites.map(\.line) == [line] && books.sites.first?.file == Self.site)
    #expect(books.sites.map(\.count) == [2] && books.sites.map(\.byteCount) == [200])
  }

  @Test("If the census of a domain is 0, all of its entries are ghosts, with their lines and bytes")
  func allGone() throws {
    let (_, findings, line) = try audit("all gone", Census(count: 0, byteCount: 0))
    let finding = try #require(findings.first)
    #expect(findings.count == 1 && finding.kind == .ghost && finding.count == 2 && finding.byteCount == 200)
    #expect(finding.sites.map(\.line) == [line])
    #expect(Verdict(findings) == .faults)
  }

  @Test("If a census has bytes, they are compared, also if they differ in another direction than the counts")
  func bytes() throws {
    #expect(try audit("no bytes", Census(count: 2, byteCount: 0)).findings == [])
    #expect(
      try audit("more bytes", Census(count: 2, byteCount: 230)).findings
        == [Finding(kind: .orphan, count: 0, byteCount: 30, domain: "more bytes", domainKind: "custom")])
    #expect(
      try audit("fewer bytes", Census(count: 2, byteCount: 130)).findings
        == [Finding(kind: .ghost, count: 0, byteCount: 70, domain: "fewer bytes", domainKind: "custom")])
    #expect(
      try audit("more, and fewer bytes", Census(count: 3, byteCount: 190)).findings
        == [
          Finding(kind: .ghost, count: 0, byteCount: 10, domain: "more, and fewer bytes", domainKind: "custom"),
          Finding(kind: .orphan, count: 1, byteCount: 0, domain: "more, and fewer bytes", domainKind: "custom"),
        ])
  }

  @Test("Numbers that make no sense in a census do not stop the audit")
  func absurd() throws {
    #expect(try audit("least", Census(count: .min, byteCount: .min)).findings.map(\.kind) == [.ghost])
    #expect(try audit("most", Census(count: .max, byteCount: .max)).findings.map(\.kind) == [.orphan])
  }

  @Test("A census that throws is a fault with the error's text, and every other domain is compared")
  func throwing() throws {
    struct NoDriver: Error {}
    let domain = StatedDomain("throwing") { throw NoDriver() }
    _ = try ResourceDomains.add(domain)
    defer { ResourceDomains.remove(domain) }
    let other = StatedDomain("beside the throwing one") { Census(count: 1, byteCount: 0) }
    _ = try ResourceDomains.add(other)
    defer { ResourceDomains.remove(other) }
    let report = try LeakAuditor.audit()
    #expect(
      report.findings("throwing") == [
        Finding(
          kind: .uncounted, count: 0, byteCount: 0, domain: "throwing", domainKind: "custom", reason: "NoDriver()")
      ])
    #expect(report.books("throwing")?.census == nil && report.books("throwing")?.censusError == "NoDriver()")
    #expect(report.findings("beside the throwing one").map(\.kind) == [.orphan])
    #expect(report.verdict == .faults)
  }

  @Test("If the books change meanwhile, a difference is a note and not a fault")
  func unsettled() throws {
    let counter = Counter(5)
    let domain = StatedDomain("restless") { Census(count: counter.add(1), byteCount: 0) }
    _ = try ResourceDomains.add(domain)
    defer { ResourceDomains.remove(domain) }
    let report = try LeakAuditor.audit()
    let findings = report.findings("restless")
    #expect(findings.map(\.kind) == [.unsettled])
    #expect(Verdict(findings) == .notes)
    #expect(report.books("restless")?.isSettled == false)
  }

  @Test("A resource that is being made is no orphan: later looks of the same audit find it in the ledger")
  func underWay() throws {
    let calls = Counter()
    // This is as if a thread had been stopped after it made the resource and before it recorded it.
    let domain = StatedDomain("under way") { Census(count: calls.add(1) < 12 ? 1 : 0, byteCount: 0) }
    _ = try ResourceDomains.add(domain)
    defer { ResourceDomains.remove(domain) }
    #expect(try LeakAuditor.audit().findings("under way") == [])
  }

  @Test("A domain that can keep its books from changing is compared while it does, and its findings are certain")
  func steady() throws {
    let calls = Counter()
    let busy = StatedSteadyDomain(
      "busy and right", loose: { Census(count: calls.add(1), byteCount: 0) },
      held: { ExactCensus(count: 0, byteCount: 0) })
    let wrong = StatedSteadyDomain(
      "busy and wrong", loose: { Census(count: calls.add(1), byteCount: 0) },
      held: { ExactCensus(count: 7, byteCount: 70) })
    _ = try ResourceDomains.add(busy)
    defer { ResourceDomains.remove(busy) }
    _ = try ResourceDomains.add(wrong)
    defer { ResourceDomains.remove(wrong) }
    let report = try LeakAuditor.audit()
    #expect(report.findings("busy and right") == [])
    #expect(report.books("busy and right")?.census == BookTotals(count: 0, byteCount: 0))
    #expect(report.findings("busy and wrong").map(\.kind) == [.orphan])
    #expect(report.findings("busy and wrong").map(\.count) == [7])
    #expect(report.books("busy and wrong")?.isSettled == true)
  }

  @Test("A domain that ends during its audit is not reported, because another domain may have its number by then")
  func goesAway() throws {
    final class Leaving: ResourceDomain {
      let name = "leaving"
      func census() -> Census {
        ResourceDomains.remove(self)
        return Census(count: 9, byteCount: 9)
      }
    }
    let domain = Leaving()
    _ = try ResourceDomains.add(domain)
    let report = try LeakAuditor.audit()
    #expect(report.books("leaving") == nil && report.findings("leaving") == [])
  }

  @Test("Domains that share a number are not compared, because the ledger cannot tell them apart")
  func sharedNumber() throws {
    let domains = (0..<2).map { _ in StatedDomain("sharing") { Census(count: 1, byteCount: 0) } }
    let id = try ResourceDomains.add(domains[0])
    ResourceDomains.remove(domains[0])
    for domain in domains { ResourceDomains.list(domain, as: id, sharesID: true) }
    defer { for domain in domains { ResourceDomains.unlist(domain) } }
    #expect(ResourceDomains.all.filter { $0.id == id }.map(\.sharesID) == [true, true])
    let report = try LeakAuditor.audit()
    #expect(report.books("sharing") == nil && report.findings("sharing") == [])
  }

  @Test("An arena has its own census and its own number, and is compared once, as an arena")
  func arena() throws {
    let arena = try Arena(name: "arena as a domain")
    let raw = unsafe try arena.unsafeAllocate(byteCount: 5_000)
    #expect(try arena.census() == Census(count: 1, byteCount: 5_120))
    #expect(try ResourceDomains.add(arena) == arena.domain)
    #expect(ResourceDomains.id(of: arena) == arena.domain)
    #expect(!ResourceDomains.all.contains { $0.domain === arena })
    ResourceDomains.remove(arena)
    let report = try LeakAuditor.audit()
    #expect(report.arenas.filter { $0.name == arena.name }.count == 1)
    #expect(report.books(arena.name) == nil)
    #expect(report.findings.filter { $0.arena == arena.name }.map(\.kind) == [.orphan])
    unsafe arena.unsafeDeallocate(raw)
    try arena.destroy()
    #expect(throws: ArenaError(.destroyed, arena: arena.name)) { try arena.census() }
  }
}
