// SPDX-License-Identifier: Apache-2.0

/// The result of an audit or a scope, in one word.
public enum Verdict: String, Codable, Sendable {
  /// There are no findings.
  case clean
  /// Notes only: `rescued`, `unsettled`, `unrecorded`, `old`, `live`.
  case notes
  /// At least one fault: `held`, `orphan`, `ghost`, `uncounted` or `stuck`.
  case faults

  package init(_ findings: [Finding]) {
    self.init(findings, faults: Set(Finding.Kind.allCases.filter(\.isFault)))
  }

  /// The verdict if only findings of these kinds count as faults.
  init(_ findings: [Finding], faults: Set<Finding.Kind>) {
    self = findings.contains { faults.contains($0.kind) } ? .faults : findings.isEmpty ? .clean : .notes
  }

  /// Reads the verdict of a report.
  /// - Throws: `DecodingError` if it is not the verdict that the findings make, so that a file that was cut or changed
  ///   does not say "clean" above a fault.
  init<Key: CodingKey>(of findings: [Finding], from values: KeyedDecodingContainer<Key>, forKey key: Key) throws {
    let own = Verdict(findings)
    self = try values.decode(Verdict.self, forKey: key)
    guard self == own else {
      throw DecodingError.dataCorruptedError(
        forKey: key, in: values,
        debugDescription: "the verdict is \"\(rawValue)\", but the findings of the report make it \"\(own.rawValue)\"")
    }
  }
}
