// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension LedgerReport {
  /// The report for people.
  /// - Parameters:
  ///   - saysWhyNoMemory: whether to say why there is no table of the memory, if a file was read.
  ///   - top: how many lines of code are shown of each list.
  ///   - width: columns of a line at most; nil for any number. Only a line that holds a file and a line number may be
  ///     longer, if these alone are.
  func textLines(
    top: Int, units: ByteText, style: Style, width: Int?, saysWhyNoMemory: Bool = false
  ) -> [String] {
    var text = title.wrapped(to: width, indent: 0).map(style.heading)
    var figures = "live \(live.count.grouped) of \(units.phrase(live.byteCount)), idle \(units.phrase(idleBytes))"
    if let growth { figures += ", growth \(growth.text(units))" }
    text += figures.wrapped(to: width, indent: 0)
    if let keptText = keptText(units: units) { text += keptText.wrapped(to: width, indent: 0) }
    text.append("")
    text += lineTable(top: top, units: units, style: style, width: width)
    for peak in peaks {
      text += peak.textLines(isRunning: isRunning, top: min(top, 3), units: units, style: style, width: width)
    }
    if !findings.isEmpty { text.append(style.heading("findings")) }
    for finding in findings { text += finding.textLines(top: top, units: units, style: style, width: width) }
    text += suppressedLines(units: units, style: style, width: width)
    if let memory { text += memory.textLines(units: units, style: style, width: width) + [""] }
    if saysWhyNoMemory, memory == nil, memoryError == nil { text += Self.noMemory.wrapped(to: width, indent: 0) }
    text += caveats.flatMap { $0.wrapped(to: width, indent: 0) }.map { style.note($0) }
    text += booksText(units).wrapped(to: width, indent: 0)
    text += UncomparedDomain.textLines(domains, isRunning: isRunning, top: top, width: width)
    return text + verdictLines(style, width: width)
  }

  private static var noMemory: String {
    "memory: not known, because only a file was read. `leak-audit report` finds out where the memory of a process is "
      + "while it runs."
  }

  /// What is live on purpose, and so in no finding; nil if there is nothing.
  private func keptText(units: ByteText) -> String? {
    let parts = [("held by a cache", heldByCache), ("of process lifetime", processLifetime)].compactMap {
      label, amount in amount.count > 0 ? "\(amount.count.grouped) of \(units.phrase(amount.byteCount)) \(label)" : nil
    }
    return parts.isEmpty ? nil : "kept on purpose: " + parts.joined(separator: ", ")
  }

  private func lineTable(top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    let heading = style.heading("live memory by line of code")
    guard !lines.isEmpty else {
      guard liveLineCount > 0 else { return [] }
      let text = noLineText(leftOutBy, liveLineCount, liveLineCount.counted("line") + " of code")
      return [heading] + text.wrapped(to: width, indent: 2) + [""]
    }
    var table = TextTable([.right, .right, .left, .left], dropping: [1, 2])
    table.add(["bytes", "count", "oldest", "line of code"], paint: style.faint)
    for line in lines.prefix(top) {
      table.add([units.text(line.byteCount), line.count.grouped, line.oldest], line.site)
    }
    let rest = lines.count - top
    let others = "… and \(rest.counted("more line")) of code; --top \(lines.count) shows all of them"
    return [heading] + table.lines(width: width) + (rest > 0 ? others.wrapped(to: width, indent: 2) : []) + [""]
  }

  /// What the reader of the report should know about how sure it is.
  private var caveats: [String] {
    var text = damage.map { row in
      "damaged: \(row.what): \(row.count.counted("record")), the first one is \(row.firstIndex)"
    }
    if status == .replaced {
      let id = process.map { " `leak-audit report \($0.id)`" } ?? " `leak-audit list`"
      text.append(
        "This program began another one in the same process (exec). Its memory went with it, so nothing of it is a "
          + "leak. If the other program uses NativeBuffers, its ledger has the same name, but without `.before-exec` "
          + "at the end, or another one; while it runs,\(id) shows it, too.")
    }
    if let memoryError { text.append("Where the memory is could not be found out: \(memoryError)") }
    if tornCount > 0 {
      let (them, are) = tornCount == 1 ? ("it", "is") : ("them", "are")
      text.append(
        "\(tornCount.counted("entry", "entries")) changed during each try to read \(them), and \(are) in no sum")
    }
    if ageUncertainty > Self.usualAgeUncertainty, !lines.isEmpty {
      text.append(
        "Ages may be too large by at most \(Age.text(seconds: ageUncertainty)): for so long, the process's clock for "
          + "them once stood still.")
    }
    return text
  }

  /// Seconds by which an age may be too large while the maintenance thread refreshes the clock: once a second, or a few
  /// seconds later on a busy machine.
  private static var usualAgeUncertainty: Int { 5 }

  private func verdictLines(_ style: Style, width: Int?) -> [String] {
    let paint =
      switch verdict {
      case .clean, .notes: style.good
      case .notJudged: style.note
      case .faults: style.fault
      }
    return verdictText(findingsAre: "above").wrapped(to: width, indent: 0).map(paint)
  }

  /// "verdict: clean. Nothing was found."
  /// - Parameter place: "above" if the report has its findings before this text, and "below" if it has them after it.
  func verdictText(findingsAre place: String) -> String {
    switch verdict {
    case .clean where !suppressed.isEmpty: "verdict: clean. Nothing was found but what rules leave out."
    case .clean: "verdict: clean. Nothing was found."
    case .notes: "verdict: clean, with notes. No finding counts; see the notes \(place)."
    case .notJudged: notJudgedText(notesAre: place)
    case .faults: "verdict: faults. See the findings \(place)."
    }
  }
}
