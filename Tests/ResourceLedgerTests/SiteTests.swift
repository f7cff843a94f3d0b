// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ResourceLedger

@Suite("Ledger: sites and domains")
struct SiteTests {
  let ledger: Ledger

  init() throws { ledger = try Ledger(entryCapacity: 1) }

  func here(line: UInt = #line, function: StaticString = #function) -> SiteID {
    ledger.intern(file: #fileID, line: line, function: function)
  }

  @Test("The same line always gets the same number, and another line gets another number")
  func identity() {
    let a = (0..<3).map { _ in here(line: 10) }
    #expect(Set(a).count == 1)
    #expect(here(line: 11) != a[0])
  }

  @Test("A number gives back file, line and function")
  func text() {
    let site = ledger.site(here(line: 12))
    #expect(site == Site(file: "ResourceLedgerTests/SiteTests.swift", line: 12, function: "text()"))
  }

  @Test("A line that is too large for the index is stored, too")
  func largeLine() {
    let a = here(line: 1_000_000)
    #expect(a == here(line: 1_000_000))
    #expect(ledger.site(a).line == 1_000_000)
  }

  @Test(
    "An unused number is the unknown site; at most 65,535 sites are stored, and fewer if there are few entries",
    arguments: [(1, 4_095), (16_384, 4_095), (65_536, 16_383), (1 << 18 - 1, 32_767), (1 << 18, 65_535)])
  func unknown(entryCapacity: Int, siteLimit: Int) throws {
    let ledger = try Ledger(entryCapacity: entryCapacity)
    func here(_ line: Int, isCreation: Bool = true) -> SiteID {
      ledger.intern(file: #fileID, line: UInt(line), function: #function, isCreation: isCreation)
    }
    #expect(ledger.site(SiteID(rawValue: 40_000)) == .unknown)
    let count = siteLimit + 4_465
    for line in 1...count { _ = here(line) }
    #expect(ledger.siteCount == siteLimit + 1)
    #expect(here(count - 1).rawValue == 0)
    #expect(ledger.unrecordedCount == 4_466)
    // A line that only disposes resources creates none.
    #expect(here(count - 1, isCreation: false) == .unknown)
    #expect(ledger.unrecordedCount == 4_466)
    for line in [1, 500, siteLimit] { #expect(ledger.site(here(line)).line == line) }
  }

  @Test("In the smallest ledger, no line or entry overwrites another one")
  func smallest() throws {
    let ledger = try Ledger(entryCapacity: 4_096)
    let none = LedgerEntry.Classification(domain: DomainNumber(rawValue: 0), bucket: 9)
    let entries = try (0..<4_096).map { _ in try ledger.acquireEntry(none) }
    for entry in entries { entry.capacity = 77 }
    #expect(throws: LedgerError(.full(entryCapacity: 4_096))) { try ledger.acquireEntry(none) }
    // The areas in front of the entries: each area is close to the next one.
    for line in 1...4_095 {
      let id = ledger.intern(file: "A/B.swift", line: UInt(line), function: "c()")
      #expect(id.rawValue == line)
      ledger.recordRescue(at: id, byteCount: line)
    }
    for line in 1...4_095 {
      let id = SiteID(rawValue: UInt32(line))
      #expect(ledger.site(id) == Site(file: "A/B.swift", line: line, function: "c()"))
      let rescues = ledger.rescues(at: id)
      #expect(rescues.count == 1 && rescues.byteCount == line)
    }
    #expect(entries.allSatisfy { $0.capacity == 77 && $0.classification.bucket == 9 })
  }

  @Test("A ledger with room for 16 million resources has room for a million lines, each with its own text")
  func manyLines() throws {
    let large = try Ledger(entryCapacity: 1 << 24)
    #expect(large.layout.sites.capacity == 1 << 20)
    for line in 1...66_000 { _ = large.intern(file: #fileID, line: UInt(line), function: #function) }
    #expect(large.siteCount == 66_001 && large.unrecordedCount == 0)
    for line in [1, 65_535, 65_536, 66_000] {
      let id = large.intern(file: #fileID, line: UInt(line), function: #function)
      large.recordRescue(at: id, byteCount: line)
      #expect(large.site(id).line == line && large.rescues(at: id).byteCount == line)
    }
  }

  @Test("If many threads store lines, each line gets one number")
  func concurrent() async {
    let numbers = await withTaskGroup(of: [SiteID].self) { group in
      for _ in 0..<4 { group.addTask { (1...500).map { here(line: UInt($0)) } } }
      return await group.reduce(into: [[SiteID]]()) { $0.append($1) }
    }
    #expect(Set(numbers).count == 1)
    #expect(Set(numbers[0]).count == 500)
  }

  @Test("Rescues add up per site")
  func rescues() {
    let site = here()
    ledger.recordRescue(at: site, byteCount: 10)
    ledger.recordRescue(at: site, byteCount: 32)
    #expect(ledger.rescues(at: site) == (2, 42))
  }

  @Test("A domain keeps its kind and name, and the number of a removed domain is used again")
  func domains() throws {
    let a = try ledger.addDomain(.arena, name: "frames")
    #expect(ledger.domainName(a.id.number) == "frames")
    #expect(ledger.domainKind(a.id.number) == .arena && ledger.kind(of: a.id) == .arena)
    a.giveBack()
    #expect(ledger.domainKind(a.id.number).rawValue == 0 && ledger.kind(of: a.id) == nil)
    let b = try ledger.addDomain(.adoptedMemory, name: String(repeating: "ü", count: 40))
    #expect(b.id.number == a.id.number && b.id != a.id)
    #expect(ledger.domainName(b.id.number) == String(repeating: "ü", count: 28))
    // The number was given back before, and another domain has it.
    a.giveBack()
    #expect(ledger.kind(of: a.id) == nil && ledger.kind(of: b.id) == .adoptedMemory)
  }

  @Test(
    "A domain's name of more than 56 bytes is cut after the last whole Unicode scalar that fits",
    arguments: ["a", "ü", "中", "🐦"])
  func longDomainName(text: String) throws {
    for lead in 0..<4 {
      let name = String(repeating: "x", count: lead) + String(repeating: text, count: 57)
      let domain = try ledger.addDomain(.arena, name: name)
      let kept = ledger.domainName(domain.id.number)
      #expect(name.hasPrefix(kept) && kept.utf8.count <= 56 && kept.utf8.count + text.utf8.count > 56, "\(kept)")
      domain.giveBack()
    }
    for name in [String(repeating: text, count: 56 / text.utf8.count), ""] {
      let domain = try ledger.addDomain(.arena, name: name)
      #expect(ledger.domainName(domain.id.number) == name)
      domain.giveBack()
    }
  }
}
