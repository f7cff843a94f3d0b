// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

extension LedgerSnapshot {
  /// Whose ledger it is, in one line: "server (process 4211) on web-3, up 3 h 20 min".
  package var title: String {
    guard let process else { return name }
    let age = Age.text(seconds: Int(clamping: (takenAt - min(takenAt, process.madeAt)) / 1_000_000_000))
    switch (status, isRunning) {
    case (.ended, _): return "\(name), ended by a regular exit"
    case (.replaced, _): return "\(name), went on as another program (exec)"
    // `_exit`, and `exec` of a program without a ledger, look like a signal from outside.
    case (_, false): return "\(name), ended without a regular exit (a signal, _exit or exec)"
    case (_, true): return "\(name), ledger made \(age) ago"
    case (_, nil): return "\(name), not known whether it still runs"
    }
  }

  /// Whose ledger it is, without its state: "server (process 4211) on web-3".
  var name: String {
    guard let process else { return "a process whose identity is torn in the ledger" }
    var id = "process \(seenProcessID ?? process.id)"
    // In a container, the process has another id than outside.
    if let seenProcessID, seenProcessID != process.id { id += ", \(process.id) in its own namespace" }
    return "\(process.command) (\(id))" + (process.host.isEmpty ? "" : " on \(process.host)")
  }

  /// An age band for a table: "over 1 h".
  package func ageText(ofBand band: Int) -> String {
    let ages = ages(ofBand: band)
    if ages.least == 0 { return ages.below.map { "under \(Age.text(seconds: $0))" } ?? "any" }
    return "over \(Age.text(seconds: ages.least))"
  }

  /// How many bytes the live memory grew within the last minute; nil if the history is shorter than ten seconds.
  package var growthPerMinute: Int? {
    guard let last = history.last, let first = history.first(where: { last.second - $0.second <= 60 }),
      last.second - first.second >= 10
    else { return nil }
    let growth = Int128(last.liveByteCount) - Int128(first.liveByteCount)
    return Int(clamping: growth * 60 / Int128(last.second - first.second))
  }

  /// Both books of all arenas in one line, as the process counted them last: "books: allocator 22 blocks, ledger 22
  /// blocks, 0.1 s ago".
  package func booksLine(_ units: ByteText) -> String {
    guard let answer else { return "books: the process was never asked for the allocator's counts" }
    let arenas = arenaBooks
    let allocator = Int.clampedSum(arenas.map(\.allocatorCount))
    let byteCount = Int.clampedSum(arenas.map(\.allocatorByteCount))
    let ledger = Int.clampedSum(
      arenas.flatMap { [$0.live, $0.idle, $0.quarantined, $0.detached].map(\.count) })
    let difference = Int.clampedSum(arenas.map(\.difference))
    let agreement = difference == 0 ? "they agree" : "\(difference.grouped) blocks differ"
    return "books: allocator \(allocator.grouped) blocks of \(units.phrase(byteCount)), ledger "
      + "\(ledger.grouped) blocks; \(agreement), counted \(Age.text(seconds: Int(max(0, min(answer.age, 1e9))))) ago"
  }
}
