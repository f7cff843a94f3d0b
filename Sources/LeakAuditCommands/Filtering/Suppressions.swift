// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
package import ResourceLedger

/// The rules of suppression files, and what they covered in the reports so far.
package struct Suppressions: Sendable {
  private var rules: [Rule] = []

  private struct Rule: Sendable {
    let rule: SuppressionRule
    let path: String
    /// Whether it was about a resource of a report, also of one in which it was exceeded.
    var isUsed = false
    /// The rule that came first for a resource that this one is about, too.
    var earlier: Int?
    /// The most resources that it was about in a report in which there were more than it allows; 0 if there is none.
    var exceedingCount = 0
  }

  package init() {}

  /// Adds the rules of a file. Empty lines, and lines that begin with `#`, are comments.
  /// - Throws: ``ValueRefusal`` that names the file and the line.
  package mutating func add(_ text: String, from path: String) throws(ValueRefusal) {
    for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      guard let first = line.first(where: { !$0.isWhitespace }), first != "#" else { continue }
      do {
        rules.append(Rule(rule: try SuppressionRule(line, lineNumber: index + 1), path: path))
      } catch {
        throw ValueRefusal("\(path):\(index + 1): \(error)")
      }
    }
  }

  /// What a rule covered of one kind of findings in a report.
  package struct Covered: Sendable, Equatable, Encodable {
    package let kind: Finding.Kind
    /// Resources.
    package internal(set) var count: Int
    /// Their bytes.
    package internal(set) var byteCount: Int
    /// The suppression file, and the line of the rule in it.
    package let file: String
    package let line: Int
    /// Why it is no fault, as the rule says it.
    package let reason: String
  }

  /// The findings of a report without what a rule covers, and what the rules cover. Each line of code is covered by the
  /// first rule that is about it. If the report has more resources than the rule's largest count, the rule covers none
  /// of them.
  package mutating func apply(to findings: [Finding]) -> (kept: [Finding], covered: [Covered]) {
    var counts = Array(repeating: 0, count: rules.count)
    for finding in findings {
      for part in finding.parts {
        let matching = rules.indices.filter { rules[$0].rule.matches(finding.kind, part.site) }
        guard let rule = matching.first else { continue }
        for later in matching.dropFirst() where rules[later].earlier == nil { rules[later].earlier = rule }
        counts[rule] = .clampedSum(counts[rule], part.count)
        rules[rule].isUsed = true
      }
    }
    for (rule, count) in counts.enumerated() where count > rules[rule].rule.largestCount ?? .max {
      rules[rule].exceedingCount = max(rules[rule].exceedingCount, count)
    }
    func coveringRule(_ kind: Finding.Kind, _ site: SiteTotals?) -> Int? {
      firstRule(kind, site).flatMap { counts[$0] <= rules[$0].rule.largestCount ?? .max ? $0 : nil }
    }
    var covered: [Covered] = []
    for finding in findings {
      for part in finding.parts {
        guard let rule = coveringRule(finding.kind, part.site) else { continue }
        covered.add(
          Covered(
            kind: finding.kind, count: part.count, byteCount: part.byteCount, file: rules[rule].path,
            line: rules[rule].rule.lineNumber, reason: rules[rule].rule.reason))
      }
    }
    return (
      findings.compactMap { finding in finding.keeping { site in coveringRule(finding.kind, site) == nil } }, covered
    )
  }

  private func firstRule(_ kind: Finding.Kind, _ site: SiteTotals?) -> Int? {
    rules.firstIndex { $0.rule.matches(kind, site) }
  }

  /// What a person should know of the rules after all reports: which ones covered nothing or were exceeded.
  package var remarks: [String] {
    rules.compactMap { rule in
      let place = "\(rule.path):\(rule.rule.lineNumber)"
      if !rule.isUsed {
        guard let earlier = rule.earlier.map({ rules[$0] }) else {
          return "\(place): this suppression matched nothing. Remove it if that stays so."
        }
        let other = (earlier.path == rule.path ? "line " : earlier.path + ":") + "\(earlier.rule.lineNumber)"
        return
          "\(place): what this suppression matches is covered by the rule in \(other), which comes first. Remove one "
          + "of the two."
      }
      guard rule.exceedingCount > 0, let largest = rule.rule.largestCount else { return nil }
      return
        "\(place): this suppression allows at most \(largest.grouped), but there are \(rule.exceedingCount.grouped). "
        + "So it was not applied."
    }
  }
}

extension [Suppressions.Covered] {
  /// Adds resources, in one row for each rule and kind.
  fileprivate mutating func add(_ part: Suppressions.Covered) {
    guard let row = firstIndex(where: { ($0.file, $0.line, $0.kind) == (part.file, part.line, part.kind) }) else {
      append(part)
      return
    }
    self[row].count = .clampedSum(self[row].count, part.count)
    self[row].byteCount = .clampedSum(self[row].byteCount, part.byteCount)
  }
}

extension Finding {
  /// The finding line by line of code; one part without a line if it has none.
  fileprivate var parts: [(site: SiteTotals?, count: Int, byteCount: Int)] {
    sites.isEmpty ? [(nil, count, byteCount)] : sites.map { ($0, $0.count, $0.byteCount) }
  }
}
