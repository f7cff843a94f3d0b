// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

/// The rules of suppression files, and what they covered in one report.
package struct Suppressions: Sendable {
  private var rules: [Rule] = []

  private struct Rule: Sendable {
    let rule: SuppressionRule
    let path: String
    /// Resources that the rule was about, also those beyond its largest count.
    var matchedCount = 0

    var isExceeded: Bool { rule.largestCount.map { matchedCount > $0 } ?? false }
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

  /// The findings without what a rule covers. Each line of code is covered by the first rule that is about it. If a
  /// report has more resources than the rule's largest count, the rule covers none of them.
  package mutating func apply(to findings: [Finding]) -> [Finding] {
    for finding in findings {
      for part in finding.parts {
        guard let rule = firstRule(finding.kind, part.site) else { continue }
        rules[rule].matchedCount = .clampedSum([rules[rule].matchedCount, part.count])
      }
    }
    return findings.compactMap { finding in
      finding.keeping { site in
        guard let rule = firstRule(finding.kind, site) else { return true }
        return rules[rule].isExceeded
      }
    }
  }

  private func firstRule(_ kind: Finding.Kind, _ site: SiteTotals?) -> Int? {
    rules.firstIndex { $0.rule.matches(kind, site) }
  }

  /// What a person should know of the rules after a report: those that covered nothing, and those that were exceeded.
  package var remarks: [String] {
    rules.compactMap { rule in
      let place = "\(rule.path):\(rule.rule.lineNumber)"
      if rule.matchedCount == 0 { return "\(place): this suppression matched nothing. Remove it if that stays so." }
      guard rule.isExceeded, let largest = rule.rule.largestCount else { return nil }
      return
        "\(place): this suppression allows at most \(largest.grouped), but there are \(rule.matchedCount.grouped). "
        + "So it was not applied."
    }
  }

  /// Resources that were covered, over all rules.
  package var coveredCount: Int {
    .clampedSum(rules.filter { !$0.isExceeded }.map(\.matchedCount))
  }
}

extension Finding {
  /// The finding line by line of code; one part without a line if it has none.
  fileprivate var parts: [(site: SiteTotals?, count: Int)] {
    sites.isEmpty ? [(nil, count)] : sites.map { ($0, $0.count) }
  }
}
