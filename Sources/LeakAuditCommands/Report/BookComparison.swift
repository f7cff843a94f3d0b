// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// The two books of all arenas, added up.
struct BookComparison {
  let allocatorCount: Int
  let allocatorByteCount: Int
  let ledgerCount: Int
  /// Blocks that one book has and the other does not, and their bytes.
  let difference: Int
  let differenceByteCount: Int

  init(_ arenas: [ArenaBooks]) {
    allocatorCount = .clampedSum(arenas.map(\.allocatorCount))
    allocatorByteCount = .clampedSum(arenas.map(\.allocatorByteCount))
    ledgerCount = .clampedSum(arenas.flatMap { [$0.live, $0.idle, $0.quarantined, $0.detached].map(\.count) })
    difference = .clampedSum(arenas.map(\.difference))
    differenceByteCount = .clampedSum(arenas.map(\.differenceByteCount))
  }
}

extension LedgerReport {
  /// Whether both books agree, or why they are not compared.
  func booksText(_ units: ByteText) -> String {
    guard let answerAge else {
      if !hasHadBuffer { return "books: no buffer was created\(isRunning == true ? " yet" : ""), so there are none." }
      let reason =
        isOfFileOfRunningProcess
        ? fileOnlyText
        : isRunning == true
          ? "the process did not count what its allocator has. It is stopped or very busy, its maintenance thread is "
            + "turned off, it is a forked child, or it closed the descriptor by which it can be asked."
          : "the process was not asked for the allocator's counts while it ran."
      return
        "books: not compared, and so orphans and ghosts were not looked for: \(reason) The ledger's own figures are "
        + "exact."
    }
    let books = BookComparison(arenas)
    let allocator = books.allocatorCount.counted("block")
    var text =
      books.difference == 0
      ? "books: they agree. The allocator and the ledger each have \(allocator) of "
        + "\(units.phrase(books.allocatorByteCount))."
      : "books: they differ by \(books.difference.counted("block")) of \(units.phrase(books.differenceByteCount)). The "
        + "allocator has \(allocator), the ledger \(books.ledgerCount.counted("block"))."
    if !answerIsComplete { text += " Not all size classes had room in the process's answer." }
    let age = Age.text(seconds: Int(max(0, min(answerAge, 1e9))))
    if isRunning != true {
      text += " The process counted this for the last time \(age) before this report."
    } else if answerAge >= 1 {
      text += " The process counted this \(age) ago, and "
      text += isOfFileOfRunningProcess ? "only the file of its ledger was read now." : "did not answer now."
    }
    return text
  }
}
