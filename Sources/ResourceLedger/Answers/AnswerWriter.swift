// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import Synchronization

/// Writes answers to requests of other processes: both books of the arenas at one moment, class by class.
///
/// Answer *n* is written into half *n* modulo 2 of the tables, and then the header says *n*. So the last complete
/// answer stays as it is while the next one is written. The article Ledger-Layout.md has every field.
///
/// All its memory is taken when it is made, so that an answer takes none.
///
/// ```text
/// begin()                     the next answer's half is free for it
/// addArena(_:_:)              an arena, and what the allocator says about it
/// setBlocks(_:…)              the allocator's blocks of one of its size classes
/// addEntries()                the ledger's book
/// finish(_:)                  the answer can be read
/// ```
// SAFETY: the buffers belong to this object alone, and only one thread at a time uses it.
@safe package final class AnswerWriter: @unchecked Sendable {
  /// What the allocator says about one arena, in bytes. The order is that of the record's fields.
  package struct ArenaMemory {
    package var allocated, active, dirty, muzzy, retained, metadata, resident: Int

    package init(
      allocated: Int, active: Int, dirty: Int, muzzy: Int, retained: Int, metadata: Int, resident: Int
    ) {
      self.allocated = allocated
      self.active = active
      self.dirty = dirty
      self.muzzy = muzzy
      self.retained = retained
      self.metadata = metadata
      self.resident = resident
    }
  }

  /// What an answer says about the whole process.
  package struct Process {
    /// The name of the file whose `malloc` the process calls: UTF-8, padded with zeros.
    package var mallocName: InlineArray<4, UInt64>
    /// Bytes that are allocated with it; nil if that is not known.
    package var mallocByteCount: Int?
    /// Bytes of the allocator's own structures.
    package var metadata: Int
    package var residentSet: Int

    package init(
      mallocName: InlineArray<4, UInt64>, mallocByteCount: Int?, metadata: Int, residentSet: Int
    ) {
      self.mallocName = mallocName
      self.mallocByteCount = mallocByteCount
      self.metadata = metadata
      self.residentSet = residentSet
    }
  }

  private typealias Field = LedgerLayout.AnswerField
  private typealias ClassField = LedgerLayout.AnswerClassField

  private let ledger: Ledger
  /// Rows of one half.
  private let arenaCapacity: Int
  private let classCapacity: Int
  /// By domain number: the arena's row in this half, plus one; 0 for a domain that is no arena of this answer.
  private let arenaRows: UnsafeMutableBufferPointer<UInt16>
  /// By arena's row and size class: the row of the class in this half, plus one; 0 if it has none yet.
  private let classRows: UnsafeMutableBufferPointer<UInt16>

  private var number: UInt64 = 0
  private var arenaCount = 0
  private var classCount = 0
  private var isWhole = true

  /// - Returns: nil if the ledger has no room for answers.
  package init?(_ ledger: Ledger) {
    guard ledger.layout.table(.answers).capacity >= 2 else { return nil }
    self.ledger = ledger
    arenaCapacity = ledger.layout.table(.answerArenas).capacity / 2
    classCapacity = ledger.layout.table(.answerClasses).capacity / 2
    unsafe arenaRows = .allocate(capacity: LedgerLayout.domainCapacity)
    unsafe classRows = .allocate(capacity: arenaCapacity * SizeClass.count)
    // Writing takes the memory now.
    unsafe arenaRows.initialize(repeating: 0)
    unsafe classRows.initialize(repeating: 0)
  }

  deinit {
    unsafe arenaRows.deallocate()
    unsafe classRows.deallocate()
  }

  private var half: Int { Int(number & 1) }

  // MARK: Writing

  package func begin() {
    number = ledger.answerNumber &+ 1
    // The header's last number comes before all that is written now: a reader that saw something of it also sees that
    // its answer's number is no longer the last one.
    atomicMemoryFence(ordering: .releasing)
    arenaCount = 0
    classCount = 0
    isWhole = true
    unsafe arenaRows.update(repeating: 0)
  }

  /// - Returns: the arena's row; nil if there is no room for one more. Then the answer says that it is not whole.
  package func addArena(_ domain: DomainNumber, number: UInt32, _ memory: ArenaMemory) -> Int? {
    guard arenaCount < arenaCapacity else {
      isWhole = false
      return nil
    }
    let row = arenaCount
    arenaCount += 1
    unsafe arenaRows[Int(domain.rawValue)] = UInt16(row + 1)
    unsafe UnsafeMutableBufferPointer(rebasing: classRows[row * SizeClass.count..<(row + 1) * SizeClass.count])
      .update(repeating: 0)
    let record = record(.answerArenas, half * arenaCapacity + row)
    set32(record, Int(domain.rawValue))
    set32(record + 4, Int(number))
    set64(record + 8, memory.allocated)
    set64(record + 16, memory.active)
    set64(record + 24, memory.dirty)
    set64(record + 32, memory.muzzy)
    set64(record + 40, memory.retained)
    set64(record + 48, memory.metadata)
    set64(record + 56, memory.resident)
    return row
  }

  /// Records how many blocks of a size class the allocator has given out.
  package func setBlocks(_ count: Int, arena row: Int, sizeClass: Int) {
    guard count != 0, let record = classRecord(arena: row, sizeClass: sizeClass) else { return }
    set64(record + ClassField.allocatorCount, count)
  }

  /// Adds up the arenas' entries. The caller holds the locks of all arenas that were added.
  /// Cost: 64 bytes of memory read per entry ever in use at the same time.
  package func addEntries() {
    ledger.addUp { classification in
      let row = unsafe arenaRows[Int(classification.domain.rawValue) & (LedgerLayout.domainCapacity - 1)]
      let bucket = Int(classification.bucket)
      guard row != 0, bucket < SizeClass.count else { return nil }
      return classRecord(arena: Int(row) - 1, sizeClass: bucket)
    } adding: { record, run in
      add(record + ClassField.liveCount, run.liveCount)
      add(record + ClassField.idleCount, run.idleCount)
      add(record + ClassField.quarantinedCount, run.quarantinedCount)
      add(record + ClassField.detachedCount, run.detachedCount)
      add(record + ClassField.liveByteCount, Int(clamping: run.liveByteCount))
    }
  }

  /// Completes the answer.
  package func finish(_ process: Process) {
    let record = record(.answers, half)
    set64(record + Field.number, Int(truncatingIfNeeded: number))
    set64(record + Field.monotonic, Int(truncatingIfNeeded: MonotonicClock.now))
    set32(record + Field.arenaCount, arenaCount)
    set32(record + Field.classCount, classCount)
    set32(record + Field.flags, isWhole ? 0 : 1)
    set32(record + Field.second, Int(ledger.second))
    for index in 0..<4 {
      set64(record + Field.mallocName + index * 8, Int(truncatingIfNeeded: process.mallocName[index]))
    }
    set64(record + Field.mallocBytes, process.mallocByteCount ?? -1)
    set64(record + Field.metadata, process.metadata)
    set64(record + Field.residentSet, process.residentSet)
    unsafe ledger.atomic64(at: LedgerLayout.answerNumberOffset).pointee.store(number, ordering: .releasing)
  }

  // MARK: Records

  private func record(_ kind: LedgerLayout.Kind, _ index: Int) -> Int {
    ledger.layout.table(kind).offset + index * kind.recordSize
  }

  /// The offset of a size class's record, which is made now if there is none; nil if there is no room.
  private func classRecord(arena row: Int, sizeClass: Int) -> Int? {
    let place = row * SizeClass.count + sizeClass
    let known = unsafe classRows[place]
    if known != 0 { return record(.answerClasses, half * classCapacity + Int(known) - 1) }
    guard classCount < classCapacity else {
      isWhole = false
      return nil
    }
    let record = record(.answerClasses, half * classCapacity + classCount)
    classCount += 1
    unsafe classRows[place] = UInt16(classCount)
    let arena = self.record(.answerArenas, half * arenaCapacity + row)
    set32(record, Int(unsafe ledger.atomic32(at: arena).pointee.load(ordering: .relaxed)))
    set32(record + 4, sizeClass)
    for field in 1..<LedgerLayout.Kind.answerClasses.recordSize / 8 { set64(record + field * 8, 0) }
    return record
  }

  private func set32(_ offset: Int, _ value: Int) {
    unsafe ledger.atomic32(at: offset).pointee.store(UInt32(truncatingIfNeeded: value), ordering: .relaxed)
  }

  private func set64(_ offset: Int, _ value: Int) {
    unsafe ledger.atomic64(at: offset).pointee.store(UInt64(bitPattern: Int64(value)), ordering: .relaxed)
  }

  private func add(_ offset: Int, _ value: Int) {
    guard value != 0 else { return }
    let field = unsafe ledger.atomic64(at: offset)
    unsafe field.pointee.store(
      field.pointee.load(ordering: .relaxed) &+ UInt64(bitPattern: Int64(value)), ordering: .relaxed)
  }
}
