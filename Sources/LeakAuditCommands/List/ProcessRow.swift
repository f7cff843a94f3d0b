// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// One process of `leak-audit list`.
struct ProcessRow: Encodable, Sendable {
  /// The process id, as this machine's or this container's `/proc` shows it.
  let pid: Int
  let userID: Int
  let command: String
  /// Seconds since the ledger was made, which is when the process made its first resource.
  let age: Int
  let liveCount: Int
  /// Bytes asked for.
  let liveBytes: Int
  let idleBytes: Int
  /// Nil if the process ended meanwhile.
  let residentBytes: Int?
  /// Of live bytes, within the last minute; nil if there is no history of at least ten seconds.
  let growth: RecentGrowth?

  init(_ listing: LedgerListing, _ snapshot: LedgerSnapshot) {
    pid = listing.processID
    userID = listing.userID
    command = listing.command
    age = max(0, snapshot.clock.now - 1)
    liveCount = snapshot.liveTotals.count
    liveBytes = snapshot.liveTotals.byteCount
    idleBytes = snapshot.idleByteCount
    residentBytes = residentSet(ofProcess: listing.processID)
    growth = snapshot.growth
  }
}

extension ProcessRow {
  /// A table with a heading.
  static func lines(_ rows: [ProcessRow], showsUser: Bool, units: ByteText, style: Style, width: Int?) -> [String] {
    let titles =
      ["pid"] + (showsUser ? ["user"] : [])
      + ["age", "live", "live bytes", "idle bytes", "resident", "growth", "command"]
    // A narrow terminal has room for the most important columns only.
    let dropping = ["idle bytes", "age", "live", "resident", "growth"].compactMap { titles.firstIndex(of: $0) }
    var table = TextTable(Array(repeating: .right, count: titles.count - 1) + [.left], dropping: dropping)
    table.add(titles, paint: style.faint)
    for row in rows {
      table.add(
        ["\(row.pid)"] + (showsUser ? ["\(row.userID)"] : []) + [
          Age.text(seconds: row.age), row.liveCount.grouped, units.text(row.liveBytes), units.text(row.idleBytes),
          row.residentBytes.map(units.text) ?? "-", row.growth?.text(units) ?? "-", row.command,
        ])
    }
    return table.lines(indent: 0, width: width)
  }
}
