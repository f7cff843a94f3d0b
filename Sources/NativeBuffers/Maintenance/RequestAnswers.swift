// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Answers other processes that ask what the allocator and the ledger count: see Ledger-Layout.md, "Answers".
///
/// They ask by changing a word that any process of the same user may write. So the word is trusted in nothing: another
/// value than before asks for an answer, and after each look at it the thread does not look again for a while.
struct RequestAnswers {
  private let word: ForeignWord?
  private let writer: AnswerWriter?
  /// The word's value at the last look.
  ///
  /// It begins as that of a new page: a process may have asked before the thread looks for the first time.
  private var seen: UInt32 = 0
  /// Before this time, the thread does not look at the word.
  private var earliest: UInt64 = 0
  private var isResting = false

  /// Nanoseconds between two looks, at least.
  static var shortestRest: UInt64 { 50_000_000 }
  /// An answer may take a twentieth of a processor's time. On a busy machine, an answer takes longer, but no more of
  /// that time, and the next request need not wait longer.
  static var restPerTime: UInt64 { 20 }

  /// Called on the thread that will answer.
  init(_ word: ForeignWord?) {
    writer = word == nil ? nil : (try? Ledger.makeShared()).flatMap { AnswerWriter(.shared) }
    self.word = writer == nil ? nil : word
    // jemalloc takes memory when a thread calls it for the first time, and crashes if there is none.
    if writer != nil { _ = try? ArenaStatistics.shared.get().refreshAndReadProcess() }
  }

  /// The word to watch while the thread sleeps; nil while the thread does not look at it.
  var watched: (word: ForeignWord, value: UInt32)? { isResting ? nil : word.map { ($0, seen) } }

  /// When the thread must look next; nil if the word is watched, or there is none.
  var nextLook: UInt64? { isResting ? earliest : nil }

  /// Answers if a process asked, or this one ends.
  /// - Parameter wasWoken: whether another process woke the thread.
  mutating func look(at now: UInt64, wasWoken: Bool) {
    guard let word, let writer else { return }
    if LastAnswer.take() { Self.answer(writer) }
    guard !isResting || now >= earliest else { return }
    let value = word.value
    isResting = wasWoken || value != seen
    earliest = now + Self.shortestRest
    guard value != seen else { return }
    seen = value
    let begin = KernelClock.threadTime
    Self.answer(writer)
    earliest = now + max(Self.shortestRest, Self.restPerTime * (KernelClock.threadTime - begin))
  }

  /// Counts both books of all arenas, and writes the answer. Allocates nothing.
  static func answer(_ writer: AnswerWriter) {
    let arenas = ArenaDirectory.all
    Maintenance.payDebtsIfCalled()
    let mallocByteCount = ProcessMalloc.owner == .glibc ? ProcessMalloc.allocatedByGlibc : nil
    Ledger.refreshClock()
    writer.begin()
    let process = Maintenance.refusingDebts(if: Ledger.shared.entryCount > longLedger) {
      // Not by the arenas themselves: in a debug build, that loop would allocate.
      for index in 0..<arenas.count { arenas[index].lock.lock() }
      defer { for index in 0..<arenas.count { arenas[index].lock.unlock() } }
      let process = count(arenas, writer)
      writer.addEntries()
      return process
    }
    guard let process else { return }
    writer.finish(
      AnswerWriter.Process(
        mallocName: ProcessMalloc.fileNameWords,
        mallocByteCount: ProcessMalloc.owner == .jemalloc ? process.outside : mallocByteCount,
        metadata: process.metadata, residentSet: ProcessMemory.residentByteCount))
  }

  /// With more entries than this, a count may take longer than a debt may wait.
  private static let longLedger = 1 << 20

  /// The allocator's book. The caller holds the arenas' locks.
  /// - Returns: what jemalloc allocated outside the arenas, and its own structures; nil if it cannot be asked.
  private static func count(_ arenas: [Arena], _ writer: AnswerWriter) -> (outside: Int, metadata: Int)? {
    do throws(ArenaError) {
      let process = try ArenaStatistics.shared.get().refreshAndReadProcess()
      var outside = process.allocated
      for index in 0..<arenas.count where !arenas[index].isDestroyedNow {
        outside &-= try arenas[index].addCounts(to: writer)
      }
      return (outside, process.metadata)
    } catch {
      return nil
    }
  }
}
