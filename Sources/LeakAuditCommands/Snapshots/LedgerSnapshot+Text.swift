// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

extension LedgerSnapshot {
  /// Whose ledger it is, in one line: "server (process 4211) on web-3, ledger made 3 h 20 min ago".
  /// - Parameter isKept: whether it is a snapshot in a file. Then it is said that it is one, and when it was taken.
  package func title(isKept: Bool) -> String {
    let taken = isKept ? "; \(takenText)" : ""
    guard let process else { return name + taken }
    let age = Age.text(seconds: Int(clamping: (takenAt - min(takenAt, process.madeAt)) / 1_000_000_000))
    switch (status, isRunning) {
    case (.ended, _): return "\(name), ended by a regular exit\(taken)"
    case (.replaced, _): return "\(name), went on as another program (exec)\(taken)"
    // `_exit`, and `exec` of a program without a ledger, look like a signal from outside.
    case (_, false): return "\(name), ended without a regular exit (a signal, _exit or exec)\(taken)"
    // "Ago" would be read as before now.
    case (_, true):
      return isKept ? "\(name)\(taken), \(age) after its ledger was made" : "\(name), ledger made \(age) ago"
    case (_, nil): return "\(name), not known whether it still runs\(taken)"
    }
  }

  /// "snapshot taken 2026-12-01 12:48:49 UTC".
  var takenText: String { "snapshot taken \(UniversalTime.text(nanoseconds: takenAt))" }

  /// Whose ledger it is, without its state: "server (process 4211) on web-3".
  var name: String {
    guard let process else {
      let id = seenProcessID.map { "process \($0)" } ?? "a process"
      return "\(id) whose identity is torn in the ledger"
    }
    var id = "process \(seenProcessID ?? process.id)"
    // In a container, the process has another id than outside.
    if let seenProcessID, seenProcessID != process.id { id += ", \(process.id) in its own namespace" }
    return (process.command.isEmpty ? id : "\(process.command) (\(id))")
      + (process.host.isEmpty ? "" : " on \(process.host)")
  }

  /// The name in at most `width` columns, if the process id has room there: it is never shortened. The host is left out
  /// first, then the end of the command, and then the command.
  func name(atMost width: Int) -> String {
    guard name.count > width, let id = seenProcessID ?? process?.id else { return name.shortened(to: width) }
    let (end, command) = (" (process \(id))", process?.command ?? "")
    let room = width - end.count
    if room >= 4, !command.isEmpty { return command.shortened(to: room) + end }
    return "process \(id)".count <= width ? "process \(id)" : "\(id)"
  }

  /// The age of a line's oldest resource: "3 min 12 s". A snapshot of an earlier version of this program has only age
  /// bands: "over 1 min".
  package func oldestText(_ line: LineTotals) -> String {
    if let age = line.oldestAge { return Age.text(seconds: age) }
    let ages = ages(ofBand: line.oldestBand)
    if ages.least == 0 { return ages.below.map { "under \(Age.text(seconds: $0))" } ?? "any" }
    return "over \(Age.text(seconds: ages.least))"
  }

  /// How the live memory grew within the last minute; nil if the history is shorter than ten seconds.
  package var growth: RecentGrowth? {
    guard let last = history.last,
      let first = history.first(where: { last.second - $0.second <= RecentGrowth.longest }),
      last.second - first.second >= RecentGrowth.shortest
    else { return nil }
    let byteCount = Int128(last.liveByteCount) - Int128(first.liveByteCount)
    return RecentGrowth(byteCount: Int(clamping: byteCount), seconds: last.second - first.second)
  }

  /// Both books of all arenas in one line of at most `width` columns, as the process counted them last: "books:
  /// allocator 22 blocks of 1.20 KiB, ledger 22 blocks; they agree, counted 3 s ago". If that is too long, the numbers
  /// are left out before the result.
  package func booksLine(_ units: ByteText, atMost width: Int) -> String {
    guard let answer else {
      return String.first(
        of: ["books: the process was never asked for the allocator's counts", "books: not compared"], atMost: width)
    }
    let books = BookComparison(arenaBooks)
    let agreement =
      books.difference == 0
      ? "they agree" : "\(books.difference.counted("block")) \(books.difference == 1 ? "differs" : "differ")"
    let age = "counted \(Age.text(seconds: Int(max(0, min(answer.age, 1e9))))) ago"
    return String.first(
      of: [
        "books: allocator \(books.allocatorCount.counted("block")) of \(units.phrase(books.allocatorByteCount)), "
          + "ledger \(books.ledgerCount.counted("block")); \(agreement), \(age)",
        "books: \(agreement), \(age)", "books: \(agreement)",
        books.difference == 0 ? "books agree" : "books differ: \(books.difference.grouped)",
      ], atMost: width)
  }
}
