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

  @Test("The header has the offsets of all areas, and its magic number is the text SWLEDGER")
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
