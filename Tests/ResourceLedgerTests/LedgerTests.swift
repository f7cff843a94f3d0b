// SPDX-License-Identifier: Apache-2.0

import Foundation
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
    let scope = CreationScope(rawValue: 5).ofProcessLifetime
    let key = entry.beginLife(byteCount: 4000, site: SiteID(rawValue: 77), scope: scope)
    let bytes = unsafe UnsafeRawPointer(entry.record)
    func u64(_ offset: Int) -> UInt64 { unsafe bytes.load(fromByteOffset: offset, as: UInt64.self) }
    func u32(_ offset: Int) -> UInt32 { unsafe bytes.load(fromByteOffset: offset, as: UInt32.self) }
    func u16(_ offset: Int) -> UInt16 { unsafe bytes.load(fromByteOffset: offset, as: UInt16.self) }
    func u8(_ offset: Int) -> UInt8 { unsafe bytes.load(fromByteOffset: offset, as: UInt8.self) }
    #expect(u64(0) == key.rawValue)
    #expect(u64(0) & 0b111 == EntryState.live.rawValue)
    entry.setHeldByCache(true, key: key)
    #expect(u64(0) == key.rawValue | 1 << 2)
    #expect(u64(8) == 0x1122_3344_5566)
    #expect(u64(16) == 4000)
    #expect(u64(24) == 4096)
    #expect(u32(32) == 77)
    #expect(u16(36) == 3)
    #expect(u8(38) == 9)
    #expect(u8(39) == 0)
    entry.insert([.guarded, .lent])
    #expect(u8(39) == 1 << 1 | 1 << 2)
    #expect(u32(44) == entry.birth)
    #expect(u32(48) == 1 << 31 | 5 && entry.scope.number == 5 && entry.scope.isOfProcessLifetime)
    #expect(u64(56) == 6 << 40)
  }

  @Test("The alignment and the generation at which an entry joined its domain do not disturb each other")
  func membership() throws {
    let classification = LedgerEntry.Classification(domain: DomainNumber(rawValue: 3), bucket: 9)
    let entry = try ledger.acquireEntry(classification)
    let generation = (1 as UInt64) << 39
    unsafe entry.record.pointee.word.store(EntryWord(state: .free, generation: generation).rawValue, ordering: .relaxed)
    entry.beginMembership(classification)
    entry.alignmentLog2 = 21
    #expect(entry.alignmentLog2 == 21 && entry.firstGeneration == generation)
    _ = entry.beginLife(byteCount: 1, site: .unknown, scope: 0)
    #expect(entry.endLife(as: .idle))
    #expect(entry.alignmentLog2 == 21 && entry.endedLives == 1)
    entry.beginMembership(classification)
    #expect(entry.alignmentLog2 == 0 && entry.endedLives == 0)
  }

  @Test("Flags are set and cleared one by one, and leave domain and bucket as they are")
  func flags() throws {
    let classification = LedgerEntry.Classification(domain: DomainNumber(rawValue: 0xFFFF), bucket: 0xFF)
    let entry = try ledger.acquireEntry(classification)
    _ = entry.beginLife(byteCount: 1, site: .unknown, scope: 0)
    #expect(entry.flags.isEmpty)
    entry.insert(.guarded)
    entry.insert(.lent)
    #expect(entry.flags == [.guarded, .lent] && entry.snapshot()?.flags == entry.flags)
    entry.remove(.guarded)
    #expect(entry.flags == .lent)
    #expect(entry.classification.domain.rawValue == 0xFFFF && entry.classification.bucket == 0xFF)
    entry.clearFlags()
    #expect(entry.classification == classification)
  }

  private func u32(_ offset: Int) -> UInt32 { unsafe ledger.base.load(fromByteOffset: offset, as: UInt32.self) }
  private func u64(_ offset: Int) -> UInt64 { unsafe ledger.base.load(fromByteOffset: offset, as: UInt64.self) }

  @Test("The header says what it is, and its directory has a row for each table")
  func header() throws {
    let magic = (0..<8).map { unsafe ledger.base.load(fromByteOffset: $0, as: UInt8.self) }
    #expect(String(decoding: magic, as: UTF8.self) == "SWLEDGER")
    #expect(u32(8) == 2 && u32(12) == 1)
    #expect(Int(u64(16)) == ledger.region.byteCount && Int(u32(24)) == ledger.layout.pageSize)
    #expect(u32(28) == 15)
    for row in 0..<15 { #expect(u32(1_024 + row * 32) == row + 1) }
    #expect(unsafe UnsafeRawPointer(ledger.entries) == ledger.base + Int(u64(1_032)))
    #expect(u32(1_028) == 64 && u64(1_040) == 40_000 && u64(1_048) == 0)
    _ = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    #expect(u64(1_048) == 1)
  }

  @Test("The header says which process the ledger is of")
  func identity() throws {
    #expect(u32(32) == 2 && u32(36) == 0)
    #expect(u32(40) == UInt32(getpid()) && u32(44) == getuid())
    let stat = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
    let fields = stat[try #require(stat.lastIndex(of: ")"))...].split(separator: " ")
    // The first of these fields is the parenthesis, in the place of field 2.
    #expect(UInt64(fields[20]) == u64(48))
    let space = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")
    #expect(space == "pid:[\(u64(56))]")
    let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
    let id = (64..<80).map { unsafe ledger.base.load(fromByteOffset: $0, as: UInt8.self) }
    #expect(UUID(uuidString: boot.trimmingCharacters(in: .newlines))?.uuidString == uuid(id))
    let name = (80..<96).map { unsafe ledger.base.load(fromByteOffset: $0, as: UInt8.self) }.prefix { $0 != 0 }
    let comm = try String(contentsOfFile: "/proc/self/comm", encoding: .utf8)
    #expect(comm == String(decoding: name, as: UTF8.self) + "\n")
    #expect(u64(160) > 1 << 60 && u64(168) > 0)
  }

  private func uuid(_ bytes: [UInt8]) -> String {
    let text = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }
    return [0..<4, 4..<6, 6..<8, 8..<10, 10..<16].map { text[$0].joined() }.joined(separator: "-")
  }

  @Test("The clock's second begins at 1, and a refresh never moves it back")
  func clock() {
    #expect(ledger.second >= 1)
    let before = (ledger.second, u64(208), u32(192))
    ledger.refreshClock()
    #expect(ledger.second >= before.0 && u64(208) >= before.1)
    #expect(u32(192) % 2 == 0)
  }

  @Test("A life begins in the second of the process's ledger, and a line has the second of its first use")
  func birth() throws {
    _ = Ledger.shared
    let before = Ledger.shared.second
    let entry = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    _ = entry.beginLife(byteCount: 1, site: .unknown, scope: 0)
    #expect((before...Ledger.shared.second).contains(entry.birth) && entry.birth >= 1)
    let site = ledger.intern(file: #fileID, line: 7, function: #function)
    let record = ledger.layout.sites.offset + Int(site.rawValue) * 64
    #expect((1...ledger.second).contains(u32(record + 40)))
  }

  @Test("A census that a domain took is in its record, and the next domain with the number has none")
  func census() throws {
    let domain = try ledger.addDomain(.custom, name: "test")
    ledger.recordCensus(Census(count: 3, byteCount: 40), of: domain.id)
    let record = ledger.layout.domains.offset + Int(domain.id.rawValue) * 128
    #expect(u32(record + 64) == 2 && u32(record + 68) >= 1 && u64(record + 72) == 3 && u64(record + 80) == 40)
    domain.giveBack()
    ledger.recordCensus(Census(count: 9, byteCount: 40), of: domain.id)
    #expect(u64(record + 72) == 3)
    let arena = try ledger.addDomain(.arena, name: "test")
    arena.giveBack()
    let again = try ledger.addDomain(.arena, name: "again")
    #expect(again.id.rawValue == arena.id.rawValue)
    #expect(u64(ledger.layout.domains.offset + Int(again.id.rawValue) * 128 + 72) == 0)
  }

  @Test("Entries do not move while the ledger grows past its first step")
  func growth() throws {
    let first = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0))
    let address = unsafe first.record
    for _ in 0..<39_999 { _ = try ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 0)) }
    #expect(ledger.entryCount == 40_000)
    #expect(unsafe ledger.entry(at: 0).record == address)
  }

  @Test("A full ledger throws an error, and gives out entries again after one was given back")
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

  @Test("An entry in its last generation is taken out of use, and its generation does not wrap")
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

  @Test("Totals count each state, and leave out other domains")
  func totals() throws {
    let mine = DomainNumber(rawValue: 1)
    let other = DomainNumber(rawValue: 2)
    for _ in 0..<2 { _ = try ledger.addDomain(.arena, name: "test") }
    for (domain, count) in [(mine, 5), (other, 3)] {
      for index in 0..<count {
        let entry = try ledger.acquireEntry(.init(domain: domain, bucket: UInt8(index % 2)))
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
