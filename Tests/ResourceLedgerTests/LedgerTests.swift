// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import ResourceLedger

@Suite("Ledger: entries")
struct LedgerTests {
  let ledger: Ledger

  init() throws { ledger = try Ledger(entryCapacity: 40_000) }

  @Test("An entry has 64 bytes, laid out as Ledger-Layout.md lists them")
  func layout() throws {
    #expect(MemoryLayout<EntryRecord>.size == 64)
    let entry = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 3), bucket: 9))
    entry.address = 0x1122_3344_5566
    entry.capacity = 4096
    entry.alignmentLog2 = 6
    let key = entry.beginLife(byteCount: 4000, site: SiteID(rawValue: 77), scope: 5)
    let bytes = unsafe UnsafeRawPointer(entry.record)
    func u64(_ offset: Int) -> UInt64 { unsafe bytes.load(fromByteOffset: offset, as: UInt64.self) }
    func u32(_ offset: Int) -> UInt32 { unsafe bytes.load(fromByteOffset: offset, as: UInt32.self) }
    func u16(_ offset: Int) -> UInt16 { unsafe bytes.load(fromByteOffset: offset, as: UInt16.self) }
    #expect(u64(0) == key.rawValue)
    #expect(u64(0) & 0b111 == EntryState.live.rawValue)
    #expect(u64(8) == 0x1122_3344_5566)
    #expect(u64(16) == 4000)
    #expect(u64(24) == 4096)
    #expect(u32(32) == 77)
    #expect(u16(36) == 3)
    #expect(u16(38) == 9)
    #expect(u32(44) == 6)
    #expect(u32(48) == 5)
  }

  @Test("The header says where everything is, and the magic is the text SWLEDGER")
  func header() throws {
    let magic = (0..<8).map { unsafe ledger.base.load(fromByteOffset: $0, as: UInt8.self) }
    #expect(String(decoding: magic, as: UTF8.self) == "SWLEDGER")
    #expect(unsafe ledger.base.load(fromByteOffset: 8, as: UInt32.self) == 1)
    let entriesOffset = unsafe ledger.base.load(fromByteOffset: 16, as: UInt64.self)
    #expect(unsafe UnsafeRawPointer(ledger.entries) == ledger.base + Int(entriesOffset))
    #expect(unsafe ledger.base.load(fromByteOffset: 24, as: UInt64.self) == 40_000)
    _ = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    #expect(unsafe ledger.base.load(fromByteOffset: 32, as: UInt64.self) == 1)
  }

  @Test("Entries do not move while the ledger grows past its first step")
  func growth() throws {
    let first = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    let address = unsafe first.record
    for _ in 0..<39_999 { _ = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0)) }
    #expect(ledger.entryCount == 40_000)
    #expect(unsafe ledger.entry(at: 0).record == address)
  }

  @Test("A full ledger says so, and takes entries again once one is given back")
  func full() throws {
    let small = try Ledger(entryCapacity: 3)
    let classification = LedgerEntry.Classification(domain: DomainNumber(rawValue: 1), bucket: 0)
    let entries = try (0..<3).map { _ in try small.acquireEntry(classification) }
    #expect(throws: LedgerError(.full(entryCapacity: 3))) { _ = try small.acquireEntry(classification) }
    small.releaseEntry(entries[1])
    let again = try small.acquireEntry(classification)
    #expect(again == entries[1])
  }

  @Test("The process's ledger has room for 16 million entries")
  func capacity() {
    #expect(Ledger.shared.entryCapacity >= 16_000_000)
  }

  @Test("An entry in its last generation is taken out of use instead of wrapping")
  func lastGeneration() throws {
    let classification = LedgerEntry.Classification(domain: DomainNumber(rawValue: 1), bucket: 0)
    let entry = try ledger.acquireEntry(classification)
    let word = EntryWord(state: .live, generation: EntryWord.lastGeneration - 1)
    unsafe entry.record.pointee.word.store(word.rawValue, ordering: .relaxed)
    #expect(entry.endLife(as: .idle) == false)
    ledger.releaseEntry(entry)
    let next = try ledger.acquireEntry(classification)
    #expect(next != entry)
  }

  @Test("Totals count each state, and skip other domains")
  func totals() throws {
    let mine = DomainNumber(rawValue: 1)
    let other = DomainNumber(rawValue: 2)
    for _ in 0..<2 { _ = try ledger.addDomain(.arena, name: "test") }
    for (domain, count) in [(mine, 5), (other, 3)] {
      for index in 0..<count {
        let entry = try ledger.acquireEntry(.init(domain: domain, bucket: UInt16(index % 2)))
        entry.capacity = 128
        _ = entry.beginLife(byteCount: 100, site: SiteID(rawValue: 0), scope: 0)
        if index == 0 { _ = entry.endLife(as: .idle) }
        if index == 1 { _ = entry.endLife(as: .quarantined) }
      }
    }
    let totals = ledger.totals(of: [mine], bucketCount: 2)
    #expect(totals[0][0].count == 3 && totals[0][1].count == 2)
    #expect(totals[0][0].idleCount == 1 && totals[0][1].quarantinedCount == 1)
    #expect(totals[0][0].liveByteCount == 200 && totals[0][0].liveCapacity == 256)
    #expect(totals[0][0].endedLives == 1)
  }
}

@Suite("Ledger: sites and domains")
struct SiteTests {
  let ledger: Ledger

  init() throws { ledger = try Ledger(entryCapacity: 1) }

  func here(line: UInt = #line, function: StaticString = #function) -> SiteID {
    ledger.intern(file: #fileID, line: line, function: function)
  }

  @Test("The same line gets the same number, another line another")
  func identity() {
    let a = (0..<3).map { _ in here(line: 10) }
    #expect(Set(a).count == 1)
    #expect(here(line: 11) != a[0])
  }

  @Test("A number leads back to file, line and function")
  func text() {
    let site = ledger.site(here(line: 12))
    #expect(site == Site(file: "ResourceLedgerTests/LedgerTests.swift", line: 12, function: "text()"))
  }

  @Test("A line too large for the index is interned all the same")
  func largeLine() {
    let a = here(line: 1_000_000)
    #expect(a == here(line: 1_000_000))
    #expect(ledger.site(a).line == 1_000_000)
  }

  @Test(
    "A number never given out is the unknown site; 65,535 sites are the limit, and fewer where entries are few",
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

  @Test("In the smallest ledger, all lines and all entries that there is room for stay as they were written")
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

  @Test("Where there is room for sixteen million resources there is room for a million lines, each by its own text")
  func manyLines() throws {
    let large = try Ledger(entryCapacity: 1 << 24)
    #expect(large.layout.siteCapacity == 1 << 20)
    for line in 1...66_000 { _ = large.intern(file: #fileID, line: UInt(line), function: #function) }
    #expect(large.siteCount == 66_001 && large.unrecordedCount == 0)
    for line in [1, 65_535, 65_536, 66_000] {
      let id = large.intern(file: #fileID, line: UInt(line), function: #function)
      large.recordRescue(at: id, byteCount: line)
      #expect(large.site(id).line == line && large.rescues(at: id).byteCount == line)
    }
  }

  @Test("Interning from many threads gives one number per line")
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

  @Test("A domain keeps its kind and name; a removed one's number is used again")
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
