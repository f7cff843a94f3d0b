// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension LedgerReport.JudgedFinding {
  /// What was found, the lines of code, and what to do next.
  func textLines(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    var text = heading(units: units, style: style, width: width) + explanation.wrapped(to: width, indent: 4)
    if let reason = finding.reason { text += reason.wrapped(to: width, indent: 4) }
    if let age = finding.age { text.append("    for \(Age.text(seconds: Int(min(age, 1e9))))") }
    for site in finding.sites.prefix(top) {
      var parts: [String] = []
      if site.byteCount != 0 { parts.append(units.phrase(site.byteCount)) }
      if let age = site.oldestAge { parts.append("\(site.count == 1 ? "age" : "oldest") \(Age.text(seconds: age))") }
      text += Site(file: site.file, line: site.line, function: site.function)
        .lines(after: "    \(site.count.grouped) × ", before: parts.joined(separator: ", "), width: width)
    }
    let rest = finding.sites.count - top
    if rest > 0 {
      text += "… and \(rest.counted("more line")) of code; --top \(finding.sites.count) shows all of them"
        .wrapped(to: width, indent: 4)
    }
    text += leftOutText(leftOutLineCount, width: width, indent: 4)
    return text + "next: \(next)".wrapped(to: width, indent: 4) + [""]
  }

  /// "orphan: 2 of 96 bytes, size class 48, arena "shared"".
  func title(units: ByteText) -> String {
    var title = "\(finding.kind.rawValue): \(finding.count.grouped)"
    // Nothing is said of bytes if the resources have none, or their bytes are not counted.
    if finding.byteCount != 0 { title += " of \(units.phrase(finding.byteCount))" }
    if let sizeClass = finding.sizeClass { title += ", size class \(sizeClass.grouped)" }
    if let arena = finding.arena { title += ", arena \"\(arena)\"" }
    if let domain = finding.domain { title += ", domain \"\(domain)\"" }
    return title
  }

  /// The title behind "fault" or "note", in lines.
  private func heading(units: ByteText, style: Style, width: Int?) -> [String] {
    let label = counts ? "fault" : "note"
    // The label is painted afterwards, because codes for colours have no width.
    var lines = "\(label): \(title(units: units))".wrapped(to: width, indent: 2)
    let rest = lines[0].dropFirst(2 + label.count)
    lines[0] = "  " + (counts ? style.fault(label) : style.note(label)) + rest
    return lines
  }
}
