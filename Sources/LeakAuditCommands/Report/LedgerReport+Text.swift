// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension LedgerReport {
  /// The report for people.
  /// - Parameters:
  ///   - top: how many lines of code are shown of each list.
  ///   - width: columns of a line at most; nil for any number.
  func textLines(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    var text = [style.heading(title)]
    var figures = "live \(live.count.grouped) of \(units.phrase(live.byteCount)), idle \(units.phrase(idleBytes))"
    if let growthPerMinute { figures += ", growth \(units.signed(growthPerMinute)) in a minute" }
    text.append(figures)
    if let keptText = keptText(units: units) { text += keptText.wrapped(to: width, indent: 0) }
    text.append("")
    text += lineTable(top: top, units: units, style: style, width: width)
    for peak in peaks { text += peak.textLines(top: min(top, 3), units: units, style: style, width: width) }
    if !findings.isEmpty { text.append(style.heading("findings")) }
    for finding in findings { text += finding.textLines(top: top, units: units, style: style, width: width) }
    text += suppressedLines(units: units, style: style, width: width)
    if let memory { text += memory.text(units: units.text).split(separator: "\n").map(String.init) + [""] }
    text += caveats.flatMap { $0.wrapped(to: width, indent: 0) }.map { style.note($0) }
    text.append(verdictLine(style))
    return text
  }

  /// What is live on purpose, and so in no finding; nil if there is nothing.
  private func keptText(units: ByteText) -> String? {
    let parts = [("held by a cache", heldByCache), ("of process lifetime", processLifetime)].compactMap {
      label, amount in amount.count > 0 ? "\(amount.count.grouped) of \(units.phrase(amount.byteCount)) \(label)" : nil
    }
    return parts.isEmpty ? nil : "kept on purpose: " + parts.joined(separator: ", ")
  }

  private func lineTable(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    guard !lines.isEmpty else { return [] }
    var table = TextTable([.right, .right, .left, .left])
    table.add(["bytes", "count", "oldest", "line of code"], paint: style.faint)
    for line in lines.prefix(top) {
      table.add([units.text(line.byteCount), line.count.grouped, line.oldest, line.site.description])
    }
    let rest = lines.dropFirst(top)
    let others =
      rest.isEmpty
      ? [] : ["  … and \(rest.count.grouped) more lines of code; --top \(lines.count) shows all of them"]
    return [style.heading("live memory by line of code")] + table.lines(width: width) + others + [""]
  }

  /// What the reader of the report should know about how sure it is.
  private var caveats: [String] {
    var text = damage.map { "damaged: \($0.what): \($0.count.grouped) records, the first one is \($0.firstIndex)" }
    if status == .replaced {
      let id = process.map { " `leak-audit report \($0.id)`" } ?? " `leak-audit list`"
      text.append(
        "This program began another one in the same process (exec). Its memory went with it, so nothing of it is a "
          + "leak. If the other program uses NativeBuffers, its ledger is the file with the same name, but without "
          + "`.before-exec` at the end; while it runs,\(id) shows it, too.")
    }
    if isRunning == true {
      switch answerAge {
      case nil:
        text.append(
          "Orphans and ghosts were not looked for, because the process did not count what its allocator has: it is "
            + "stopped or very busy, its maintenance thread is turned off, it is a forked child, or it closed the "
            + "descriptor by which it can be asked. The ledger's own figures are exact.")
      case .some(let age) where age >= 1:
        text.append(
          "The process counted what its allocator has \(Age.text(seconds: Int(min(age, 1e9)))) ago, and did not answer "
            + "now: orphans and ghosts are those of that moment. The ledger's own figures are exact.")
      default: break
      }
    } else if let answerAge {
      text.append(
        "The process counted what its allocator has for the last time \(Age.text(seconds: Int(min(answerAge, 1e9)))) "
          + "before this report: orphans and ghosts are those of that moment. The ledger's own figures are exact.")
    } else {
      text.append(
        "Orphans and ghosts were not looked for: they need the allocator's counts, for which the process was not asked "
          + "while it ran.")
    }
    if let memoryError { text.append("Where the memory is could not be found out: \(memoryError)") }
    if tornCount > 0 {
      text.append("\(tornCount.grouped) entries changed during each try to read them, and are in no sum")
    }
    return text
  }

  private func verdictLine(_ style: Style) -> String {
    switch verdict {
    case .clean where !suppressed.isEmpty: style.good("verdict: clean. Nothing was found but what rules leave out.")
    case .clean: style.good("verdict: clean. Nothing was found.")
    case .notes: style.good("verdict: clean, with notes. No finding counts; see the notes above.")
    case .faults: style.fault("verdict: faults. See the findings above.")
    }
  }
}

extension LedgerReport.JudgedFinding {
  fileprivate func textLines(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    var title = "\(finding.kind.rawValue): \(finding.count.grouped)"
    // Nothing is said of bytes if the resources have none, or their bytes are not counted.
    if finding.byteCount != 0 { title += " of \(units.phrase(finding.byteCount))" }
    if let sizeClass = finding.sizeClass { title += ", size class \(sizeClass.grouped)" }
    if let arena = finding.arena { title += ", arena \"\(arena)\"" }
    if let domain = finding.domain { title += ", domain \"\(domain)\"" }
    let label = counts ? style.fault("fault") : style.note("note")
    var text = ["  \(label): \(title)"] + explanation.wrapped(to: width, indent: 4)
    if let reason = finding.reason { text += reason.wrapped(to: width, indent: 4) }
    if let age = finding.age { text.append("    for \(Age.text(seconds: Int(min(age, 1e9))))") }
    for site in finding.sites.prefix(top) {
      let line = Site(file: site.file, line: site.line, function: site.function)
      let amount = "    \(site.count.grouped) × "
      let bytes = site.byteCount != 0 ? ", \(units.phrase(site.byteCount))" : ""
      text.append(amount + line.text(width: width.map { max(20, $0 - amount.count - bytes.count) }) + bytes)
    }
    let rest = finding.sites.count - top
    if rest > 0 { text.append("    … and \(rest.grouped) more lines of code; --top \(finding.sites.count) shows them") }
    return text + "next: \(next)".wrapped(to: width, indent: 4) + [""]
  }
}
