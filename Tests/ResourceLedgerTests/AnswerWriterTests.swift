// SPDX-License-Identifier: Apache-2.0

import Synchronization
import Testing

@testable import ResourceLedger

@Suite("Writing answers")
struct AnswerWriterTests {
  private typealias Field = LedgerLayout.AnswerField

  private static let noMemory = AnswerWriter.ArenaMemory(
    allocated: 1, active: 2, dirty: 3, muzzy: 4, retained: 5, metadata: 6, resident: 7)
  private static let process = AnswerWriter.Process(
    mallocName: [0x6F_732E_6362_696C, 0, 0, 0], mallocByteCount: nil, metadata: 8, residentSet: 9)

  private static func number(_ ledger: Ledger) -> UInt64 {
    unsafe ledger.atomic64(at: LedgerLayout.answerNumberOffset).pointee.load(ordering: .acquiring)
  }

  private static func field(_ ledger: Ledger, _ kind: LedgerLayout.Kind, _ index: Int, _ field: Int) -> Int {
    Int(
      truncatingIfNeeded: unsafe ledger.atomic64(at: ledger.offset(of: index, in: kind)! + field).pointee
        .load(ordering: .relaxed))
  }

  private static func field32(_ ledger: Ledger, _ kind: LedgerLayout.Kind, _ index: Int, _ field: Int) -> Int {
    Int(unsafe ledger.atomic32(at: ledger.offset(of: index, in: kind)! + field).pointee.load(ordering: .relaxed))
  }

  @Test("Answers go into the two halves in turn, and the last complete one stays while the next one is written")
  func halves() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let domain = try ledger.addDomain(.arena, name: "a").id
    let writer = try #require(AnswerWriter(ledger))
    for answer in 1...3 {
      let entry = try ledger.acquireEntry(.init(domain: domain, bucket: 5))
      entry.byteCount = 70
      entry.setState(.live)
      writer.begin()
      let row = try #require(writer.addArena(domain.number, number: 3, Self.noMemory))
      writer.setBlocks(answer, arena: row, sizeClass: 5)
      writer.setBlocks(9, arena: row, sizeClass: 6)
      writer.setBlocks(0, arena: row, sizeClass: 7)
      writer.addEntries()
      #expect(Self.number(ledger) == UInt64(answer - 1))
      writer.finish(Self.process)
      #expect(Self.number(ledger) == UInt64(answer))
    }
    // Answer 2 is in half 0, and answer 3 in half 1.
    for (half, answer) in [(0, 2), (1, 3)] {
      #expect(Self.field(ledger, .answers, half, Field.number) == answer)
      #expect(Self.field32(ledger, .answers, half, Field.arenaCount) == 1)
      #expect(Self.field32(ledger, .answers, half, Field.classCount) == 2)
      #expect(Self.field32(ledger, .answers, half, Field.flags) == 0)
      #expect(Self.field(ledger, .answers, half, Field.mallocBytes) == -1)
      #expect(Self.field(ledger, .answers, half, Field.residentSet) == 9)
      #expect((0..<7).map { Self.field(ledger, .answerArenas, half * 256, 8 + $0 * 8) } == [1, 2, 3, 4, 5, 6, 7])
      #expect(Self.field32(ledger, .answerArenas, half * 256, 0) == Int(domain.number.rawValue))
      #expect(Self.field32(ledger, .answerArenas, half * 256, 4) == 3)
      let row = (0..<6).map { Self.field(ledger, .answerClasses, half * 4_096, 8 + $0 * 8) }
      #expect(row == [answer, answer, 0, 0, 0, 70 * answer])
      #expect(Self.field32(ledger, .answerClasses, half * 4_096, 4) == 5)
      #expect(Self.field(ledger, .answerClasses, half * 4_096 + 1, 8) == 9)
    }
  }

  @Test("An answer has the entries of its arenas by their states, and none of other domains")
  func states() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let domain = try ledger.addDomain(.arena, name: "a").id
    let other = try ledger.addDomain(.adoptedMemory, name: "b").id
    for (state, count) in [(EntryState.live, 1), (.idle, 2), (.quarantined, 3)] {
      for _ in 0..<count {
        for owner in [domain, other] { try ledger.acquireEntry(.init(domain: owner, bucket: 8)).setState(state) }
      }
    }
    let writer = try #require(AnswerWriter(ledger))
    writer.begin()
    _ = writer.addArena(domain.number, number: 3, Self.noMemory)
    writer.addEntries()
    writer.finish(Self.process)
    #expect(Self.field32(ledger, .answers, 1, Field.classCount) == 1)
    #expect((0..<6).map { Self.field(ledger, .answerClasses, 4_096, 8 + $0 * 8) } == [0, 1, 2, 3, 0, 0])
  }

  @Test("If arenas or size classes have no room in an answer, the answer says so, and the others are in it")
  func room() throws {
    let ledger = try Ledger(entryCapacity: 1 << 18)
    let writer = try #require(AnswerWriter(ledger))
    writer.begin()
    for arena in 0..<256 {
      let row = writer.addArena(DomainNumber(rawValue: UInt16(arena + 1)), number: 0, Self.noMemory)
      #expect(row == arena)
      for sizeClass in 0..<17 { writer.setBlocks(1, arena: arena, sizeClass: sizeClass) }
    }
    #expect(writer.addArena(DomainNumber(rawValue: 300), number: 0, Self.noMemory) == nil)
    writer.finish(Self.process)
    #expect(Self.field32(ledger, .answers, 1, Field.arenaCount) == 256)
    #expect(Self.field32(ledger, .answers, 1, Field.classCount) == 4_096)
    #expect(Self.field32(ledger, .answers, 1, Field.flags) == 1)
    writer.begin()
    writer.finish(Self.process)
    #expect(Self.field32(ledger, .answers, 0, Field.flags) == 0)
  }

  @Test("A ledger with little room has no answers")
  func small() throws {
    #expect(AnswerWriter(try Ledger(entryCapacity: 100)) == nil)
  }
}
