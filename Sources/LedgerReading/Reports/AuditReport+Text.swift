// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

// The report as text for people. Sizes are in bytes, grouped by thousands and not rounded.

extension AuditReport {
  /// The books of every arena and domain, the findings, the verdict, and the five lines of code that hold most, as
  /// plain text.
  public var text: String {
    var lines: [String] = []
    for arena in arenas { lines += arena.textLines + [""] }
    lines += DomainBooks.textLines(domains)
    if adopted.count > 0 {
      lines += [
        "adopted memory: \(adopted.count.grouped) live, \(adopted.byteCount.grouped) bytes (one book only)", "",
      ]
    }
    let allocated = outside.allocated.map { "\($0.grouped) bytes" } ?? "uncounted bytes"
    lines.append(
      "outside the arenas: \(allocated) of malloc (\(outside.malloc)), \(outside.metadata.grouped) of jemalloc's own; "
        + "resident set \(outside.residentSet.grouped)")
    lines.append("")
    lines += Finding.textLines(findings)
    lines.append(verdict.text)
    let sites = live.siteLines(top: 5)
    return (lines + (sites.isEmpty ? [] : [""] + sites)).joined(separator: "\n")
  }
}

extension AuditReport: CustomStringConvertible {
  /// One line: the verdict, the number of findings, and what is live.
  public var description: String { "\(verdict.rawValue), \(Finding.counted(findings)); \(live)" }
}

extension ScopeReport: CustomStringConvertible {
  /// The findings and the verdict, as plain text of several lines.
  public var text: String {
    (["scope \"\(name)\"", ""] + Finding.textLines(findings) + [verdict.text]).joined(separator: "\n")
  }

  /// One line: the name, the verdict, and the findings.
  public var description: String {
    (["\"\(name)\": \(verdict.rawValue)"] + findings.map(\.description)).joined(separator: "; ")
  }
}

extension Verdict {
  /// One line.
  public var text: String {
    switch self {
    case .clean: "verdict: clean. Both books agree, and nothing was left."
    case .notes: "verdict: clean, with notes. No fault was found; see the notes above."
    case .faults: "verdict: faults. See the findings above."
    }
  }
}

extension DomainBooks: CustomStringConvertible {
  /// Both books, and if they differ, the lines that created what the ledger has, as plain text of several lines.
  public var text: String { Self.textLines([self]).dropLast().joined(separator: "\n") }

  /// One line: what each book counts.
  public var description: String {
    "\"\(name)\" (\(kind)): census \(census?.count.grouped ?? "?"), ledger \(ledger.count.grouped)"
  }
}

extension DomainBooks {
  /// A table with a row for each domain; if a domain's books differ, also the lines that created what the ledger has.
  package static func textLines(_ domains: [DomainBooks]) -> [String] {
    guard !domains.isEmpty else { return [] }
    let rows = domains.map { domain in
      [
        "\"\(domain.name)\" (\(domain.kind))", domain.census?.count.grouped ?? "?", domain.ledger.count.grouped,
        domain.countsBytes ? domain.census?.byteCount.grouped ?? "?" : "-", domain.ledger.byteCount.grouped,
      ]
    }
    var lines = ["domains"] + table([["", "census", "ledger", "census bytes", "ledger bytes"]] + rows)
    for domain in domains where !domain.sites.isEmpty {
      lines.append("  in the ledger of \"\(domain.name)\"")
      lines += domain.sites.map { "    \($0.text)" }
    }
    return lines + [""]
  }
}

extension ArenaBooks: CustomStringConvertible {
  /// Both books, the difference between them, and the memory that is kept, as plain text of several lines.
  public var text: String { textLines.joined(separator: "\n") }

  /// One line: what is live, what is idle, and the difference between the books.
  public var description: String {
    "arena \"\(name)\": live \(live.count.grouped) of \(live.byteCount.grouped) bytes, idle "
      + "\(idle.byteCount.grouped) bytes, difference \(difference.grouped)"
  }
}

extension ArenaBooks {
  /// The two books, the difference between them, and the memory that is kept.
  package var textLines: [String] {
    let ledger = [live, idle, quarantined, detached]
    let ledgerCount = Int.clampedSum(ledger.map(\.count))
    let ledgerBytes = Int.clampedSum(ledger.map(\.byteCount))
    var rows: [[String]] = [
      ["", "blocks", "bytes"],
      ["allocator live", allocatorCount.grouped, allocatorByteCount.grouped],
      ["ledger live + idle", ledgerCount.grouped, ledgerBytes.grouped],
      ["  live", live.count.grouped, live.byteCount.grouped],
      ["  idle", idle.count.grouped, idle.byteCount.grouped],
    ]
    if quarantined.count > 0 {
      rows.append(["  quarantined", quarantined.count.grouped, quarantined.byteCount.grouped])
    }
    if detached.count > 0 { rows.append(["  detached", detached.count.grouped, detached.byteCount.grouped]) }
    rows.append(["difference", difference.grouped, differenceByteCount.grouped])
    return ["arena \"\(name)\""] + table(rows)
      + [
        "  kept, no leak: idle \(retention.idle.grouped), dirty \(retention.dirty.grouped), muzzy "
          + "\(retention.muzzy.grouped), retained \(retention.retained.grouped), rounding \(retention.rounding.grouped)"
      ]
  }
}

/// Columns as wide as their widest cell; the first is aligned left, the others are aligned right.
func table(_ rows: [[String]]) -> [String] {
  let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
  return rows.map { row in
    "  "
      + row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + padding : padding + cell
      }.joined(separator: "  ")
  }
}
