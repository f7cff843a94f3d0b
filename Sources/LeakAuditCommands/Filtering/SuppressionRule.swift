// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

/// One rule of a suppression file: findings that are known, and why they are no fault.
package struct SuppressionRule: Sendable, Equatable {
  package let kind: Pattern
  package let file: Pattern
  package let function: Pattern
  /// The most resources that the rule covers in one report; nil for any number.
  package let largestCount: Int?
  package let reason: String
  /// The line of the suppression file.
  package let lineNumber: Int

  /// Whether the rule is about resources of this line of code.
  /// - Parameter site: nil for findings that have no line, such as orphans. Only rules that have the pattern `*` for
  ///   both file and function are about these.
  package func matches(_ kind: Finding.Kind, _ site: SiteTotals?) -> Bool {
    self.kind.matches(kind.rawValue) && file.matches(site?.file ?? "") && function.matches(site?.function ?? "")
  }
}

extension SuppressionRule {
  /// Reads a line of a suppression file: `KIND FILE FUNCTION [at most N] because REASON`.
  /// - Throws: ``ValueRefusal``, which says what is wrong with the line, and what to write.
  init(_ line: Substring, lineNumber: Int) throws(ValueRefusal) {
    let form = "A rule is: KIND FILE FUNCTION [at most N] because REASON."
    // What follows the first "because" is the reason, whatever words it has.
    var words = line.split(whereSeparator: \.isWhitespace)
    guard let because = words.firstIndex(of: "because"), because + 1 < words.count else {
      throw ValueRefusal("there is no reason. \(form)")
    }
    reason = words[(because + 1)...].joined(separator: " ")
    words.removeSubrange(because...)
    if words.count == 6, words[3...4] == ["at", "most"] {
      guard let count = Int(words[5]), count >= 0 else {
        throw ValueRefusal("\"\(words[5])\" is no count. \(form)")
      }
      largestCount = count
    } else if words.count == 3 {
      largestCount = nil
    } else {
      throw ValueRefusal("there must be three patterns before \"because\". \(form)")
    }
    kind = Pattern(String(words[0]))
    file = Pattern(String(words[1]))
    function = Pattern(String(words[2]))
    self.lineNumber = lineNumber
    guard Finding.Kind.allCases.contains(where: { kind.matches($0.rawValue) }) else {
      throw ValueRefusal("\"\(words[0])\" matches no kind of finding. The kinds are \(CountedKinds.names).")
    }
    guard !(kind.namesNothing && function.namesNothing && (file.namesNothing || file.matches(Self.anyFile))) else {
      let which = file.namesNothing ? "every finding" : "every finding of Swift code"
      throw ValueRefusal("this rule would suppress \(which). Name a kind, a file or a function.")
    }
  }

  /// A file of Swift code with a name that no file has. A pattern for it is one for every file of Swift code.
  private static var anyFile: String { "\u{FFFC}/\u{FFFC}.swift" }
}
