// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
package import ResourceLedger

/// Which kinds of findings count, so that the exit code is 1.
package struct CountedKinds: Sendable, Equatable {
  private var added: Set<Finding.Kind>
  private var removed: Set<Finding.Kind>
  private let isStrict: Bool

  /// - Parameters:
  ///   - added: kinds that count although they are notes.
  ///   - removed: kinds that do not count although they are faults; stronger than everything else.
  ///   - isStrict: whether notes count, too.
  package init(added: [Finding.Kind] = [], removed: [Finding.Kind] = [], isStrict: Bool = false) {
    self.added = Set(added)
    self.removed = Set(removed)
    self.isStrict = isStrict
  }

  /// - Parameter isFault: whether the finding is a fault in this report: `held` is one for `run` only.
  package func counts(_ kind: Finding.Kind, isFault: Bool) -> Bool {
    !removed.contains(kind) && (isFault || isStrict || added.contains(kind))
  }

  /// Reads kinds as they stand on the command line: `held,orphan`, also with spaces.
  /// - Throws: ``ValueRefusal`` that names the word that is no kind.
  package static func parse(_ text: String) throws(ValueRefusal) -> [Finding.Kind] {
    var kinds: [Finding.Kind] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      let word = String(word.filter { $0 != " " })
      guard let kind = Finding.Kind(rawValue: word) else {
        throw ValueRefusal("\"\(word)\" is no kind of finding. The kinds are \(names).")
      }
      kinds.append(kind)
    }
    return kinds
  }

  /// Every kind, for messages and help.
  package static var names: String { Finding.Kind.allCases.map(\.rawValue).joined(separator: ", ") }
}
