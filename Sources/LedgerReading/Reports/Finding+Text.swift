// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Finding: CustomStringConvertible {
  /// What was found, how much of it, what it means, and the lines concerned, as plain text of several lines.
  public var text: String { textLines.joined(separator: "\n") }

  /// One line: what was found, how much of it, and the line that created most of it.
  public var description: String {
    guard let site = sites.first else { return heading }
    return "\(heading), created at \(site.file):\(site.line)" + (sites.count > 1 ? " and elsewhere" : "")
  }

  private var heading: String {
    var text = "\(kind.isFault ? kind.rawValue : "\(kind.rawValue) (note)"): \(count.grouped)"
    // Nothing is said of bytes if the resources have none, or their bytes are not counted.
    if byteCount != 0 { text += " of \(byteCount.grouped) bytes" }
    if let sizeClass { text += ", size class \(sizeClass.grouped)" }
    if let arena { text += ", arena \"\(arena)\"" }
    if let domain { text += ", domain \"\(domain)\"" }
    if let domainKind { text += " (\(domainKind))" }
    return text
  }

  private var textLines: [String] {
    var lines = [heading, "  \(explanation)"]
    if let reason { lines.append("  \(reason)") }
    if let age {
      let waiting = waiting.map { "; \($0.grouped) more are due and wait" } ?? ""
      lines.append("  for \(age.formattedSeconds) s\(waiting)")
    }
    return lines + sites.map { "  \($0.text)" }
  }

  /// A heading, and lines for each finding and each site; nothing if there are no findings.
  package static func textLines(_ findings: [Finding]) -> [String] {
    guard !findings.isEmpty else { return [] }
    return ["findings"] + findings.flatMap(\.textLines).map { "  \($0)" } + [""]
  }

  /// "1 finding", "2 findings".
  static func counted(_ findings: [Finding]) -> String {
    findings.count == 1 ? "1 finding" : "\(findings.count.grouped) findings"
  }
}

extension SiteTotals: CustomStringConvertible {
  /// One line: how many, from which line, how many bytes, and how old the oldest is, if that is known.
  public var text: String {
    "\(count.grouped) × \(file):\(line) in \(function)" + (byteCount != 0 ? ", \(byteCount.grouped) bytes" : "")
      + (oldestAge.map { ", the oldest for \(Age.text(seconds: $0))" } ?? "")
  }

  public var description: String { text }
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
