// SPDX-License-Identifier: Apache-2.0

/// Says what a scope left behind.
public struct ScopeReport: Codable, Sendable {
  public let name: String
  public let verdict: Verdict
  /// `held`: created in the scope and live at its end; buffers first, then by domain. What a cache holds, and what is
  /// meant to live as long as the process, is not among them. `rescued`: created in the scope,
  /// and released by deinit without a dispose.
  public let findings: [Finding]

  package init(name: String, findings: [Finding]) {
    self.name = name
    self.verdict = Verdict(findings)
    self.findings = findings
  }
}

extension ScopeReport {
  /// Reads a report.
  /// - Throws: `DecodingError`, also if the verdict does not follow from the findings.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    name = try values.decode(String.self, forKey: .name)
    findings = try values.decode([Finding].self, forKey: .findings)
    verdict = try Verdict(of: findings, from: values, forKey: .verdict)
  }
}
