// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

// The report as text for people. Sizes are in bytes, grouped by thousands and not rounded.

extension AuditReport {
  /// The books of every arena and domain, the findings and the verdict, as plain text of several lines.
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
    return lines.joined(separator: "\n")
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

extension Finding {
  /// A heading, and lines for each finding and each site; nothing if there are no findings.
  package static func textLines(_ findings: [Finding]) -> [String] {
    guard !findings.isEmpty else { return [] }
    var lines = ["findings"]
    for finding in findings {
      let kind = finding.kind.isFault ? finding.kind.rawValue : "\(finding.kind.rawValue) (note)"
      var line = "  \(kind): \(finding.count.grouped)"
      // Nothing is said of bytes if the resources have none, or their bytes are not counted.
      if finding.byteCount != 0 { line += " of \(finding.byteCount.grouped) bytes" }
      if let sizeClass = finding.sizeClass { line += ", size class \(sizeClass.grouped)" }
      if let arena = finding.arena { line += ", arena \"\(arena)\"" }
      if let domain = finding.domain { line += ", domain \"\(domain)\"" }
      if let sort = finding.domainKind { line += " (\(sort))" }
      lines.append(line)
      lines.append("    \(finding.explanation)")
      if let reason = finding.reason { lines.append("    \(reason)") }
      if let age = finding.age {
        let waiting = finding.waiting.map { "; \($0.grouped) more are due and wait" } ?? ""
        lines.append("    for \(age.formattedSeconds) s\(waiting)")
      }
      lines += finding.sites.map { "    \($0.text)" }
    }
    return lines + [""]
  }
}

extension SiteTotals {
  var text: String {
    "\(count.grouped) × \(file):\(line) in \(function)" + (byteCount != 0 ? ", \(byteCount.grouped) bytes" : "")
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

extension Double {
  /// With one digit after the decimal point: 12.3. No value traps, because a report may come from a file.
  fileprivate var formattedSeconds: String {
    let tenths = (self * 10).rounded()
    guard tenths.magnitude < 1e15 else { return "\(self)" }
    let whole = Int(tenths)
    return "\(whole < 0 ? "-" : "")\((whole / 10).magnitude.description).\(whole.magnitude % 10)"
  }
}
