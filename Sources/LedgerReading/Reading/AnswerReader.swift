// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

/// Reads the last complete answer of a process.
enum AnswerReader {
  /// No answer has more rows in a table.
  private static var largestRowCount: Int { 1 << 16 }
  /// The process answers at most every 50 ms, so a second try succeeds.
  private static var tries: Int { 8 }

  static func read(
    _ source: LedgerSource, _ header: LedgerHeader, _ fields: ClockFields, _ clock: LedgerClock,
    _ domains: DomainReader, damage: inout DamageList
  ) throws(LedgerReadingError) -> LedgerAnswer? {
    let answers = header.table(.answers)
    guard answers.capacity >= 2 else { return nil }
    for _ in 0..<tries {
      let number = try self.number(source)
      guard number > 0 else { return nil }
      var seenDamage = damage
      let answer = try read(number, source, header, fields, clock, domains, damage: &seenDamage)
      // While the process writes the next answer, this one stays as it is. As soon as the header has the next number,
      // the process may write the one after the next, into the same half.
      atomicMemoryFence(ordering: .acquiring)
      if try self.number(source) == number {
        damage = seenDamage
        return answer
      }
    }
    return nil
  }

  /// The number of the last complete answer; 0 if there was none.
  static func number(_ source: LedgerSource) throws(LedgerReadingError) -> Int {
    try source.bytes(at: LedgerLayout.answerNumberOffset, count: 8).long(at: 0)
  }

  private static func read(
    _ number: Int, _ source: LedgerSource, _ header: LedgerHeader, _ fields: ClockFields, _ clock: LedgerClock,
    _ domains: DomainReader, damage: inout DamageList
  ) throws(LedgerReadingError) -> LedgerAnswer? {
    let half = number % 2
    let table = header.table(.answers)
    let arenaTable = header.table(.answerArenas)
    let classTable = header.table(.answerClasses)
    let record = try source.bytes(at: table.offset(of: half), count: 256)
    let arenaCount = record.word(at: 16)
    let classCount = record.word(at: 20)
    guard record.long(at: 0) == number else {
      damage.add("an answer has another number than the header says", at: half)
      return nil
    }
    guard arenaCount <= min(largestRowCount, arenaTable.capacity / 2),
      classCount <= min(largestRowCount, classTable.capacity / 2)
    else {
      damage.add("an answer has more rows than there is room for", at: half)
      return nil
    }
    var arenas: [LedgerAnswer.Arena] = []
    for index in 0..<arenaCount {
      let row = try source.bytes(at: arenaTable.offset(of: half * (arenaTable.capacity / 2) + index), count: 64)
      arenas.append(
        LedgerAnswer.Arena(
          domain: domains.position(of: row.word(at: 0)), number: row.word(at: 4), allocated: row.long(at: 8),
          active: row.long(at: 16), dirty: row.long(at: 24), muzzy: row.long(at: 32), retained: row.long(at: 40),
          metadata: row.long(at: 48), resident: row.long(at: 56)))
    }
    var classes: [LedgerAnswer.SizeClassCounts] = []
    for index in 0..<classCount {
      let row = try source.bytes(at: classTable.offset(of: half * (classTable.capacity / 2) + index), count: 64)
      classes.append(
        LedgerAnswer.SizeClassCounts(
          domain: domains.position(of: row.word(at: 0)), bucket: row.word(at: 4), allocatorCount: row.long(at: 8),
          liveCount: row.long(at: 16), idleCount: row.long(at: 24), quarantinedCount: row.long(at: 32),
          detachedCount: row.long(at: 40), liveByteCount: row.long(at: 48)))
    }
    let allocated = record.number(at: 64, as: UInt64.self)
    let monotonic = record.number(at: 8, as: UInt64.self)
    // Both times are of the process's own clock, so that their difference is right in any time namespace.
    let beforeRefresh = Double(fields.monotonic) - Double(monotonic)
    return LedgerAnswer(
      number: number, second: record.word(at: 28), age: max(0, beforeRefresh / 1e9 + clock.age),
      isComplete: record.word(at: 24) & 1 == 0, malloc: record.paddedText(at: 32, count: 32),
      mallocByteCount: allocated == .max ? nil : Int(clamping: allocated), metadata: record.long(at: 72),
      residentSet: record.long(at: 80), arenas: arenas, classes: classes)
  }
}
