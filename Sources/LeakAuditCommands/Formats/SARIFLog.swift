// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// Findings as SARIF 2.1.0, the form in which code hosts take the results of tools:
/// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
///
/// Each line of code of a finding is a result of its own, because code hosts show a result at its line.
struct SARIFLog: Encodable {
  private let schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
  private let version = "2.1.0"
  private let runs: [Run]

  private enum CodingKeys: String, CodingKey {
    case schema = "$schema"
    case version, runs
  }

  /// - Parameter files: finds the path of a source file in the package.
  init(_ reports: [LedgerReport], version: String, files: SourceFiles) {
    runs = reports.map { Run($0, version: version, files: files) }
  }

  struct Text: Encodable { let text: String }

  private struct Run: Encodable {
    let tool: Tool
    let invocations: [Invocation]
    let columnKind = "unicodeCodePoints"
    let originalUriBaseIds = [ArtifactLocation.root: Base()]
    let automationDetails: AutomationDetails
    let results: [Result]

    init(_ report: LedgerReport, version: String, files: SourceFiles) {
      tool = Tool(driver: Driver(version: version))
      invocations = [Invocation(report)]
      automationDetails = AutomationDetails(description: Text(text: report.title))
      results = report.findings.flatMap { Result.results(of: $0, in: report, files: files) }
    }
  }

  private struct Base: Encodable {
    let description = Text(text: "The folder of the package that has the source files.")
  }

  private struct AutomationDetails: Encodable { let description: Text }

  private struct Tool: Encodable { let driver: Driver }

  private struct Driver: Encodable {
    let name = "leak-audit"
    let version: String
    let rules = Finding.Kind.allCases.map(Rule.init)
  }

  private struct Rule: Encodable {
    let id: String
    let name: String
    let shortDescription: Text
    let defaultConfiguration: [String: String]

    init(_ kind: Finding.Kind) {
      id = kind.rawValue
      // Names of rules are written so by SARIF's own rules.
      name = kind.rawValue.prefix(1).uppercased() + kind.rawValue.dropFirst()
      shortDescription = Text(text: kind.explanation)
      defaultConfiguration = ["level": kind.isFault ? "error" : "note"]
    }
  }

  private struct Invocation: Encodable {
    let executionSuccessful: Bool
    let toolExecutionNotifications: [Notification]

    init(_ report: LedgerReport) {
      executionSuccessful = !report.isPartial
      toolExecutionNotifications =
        report.damage.map { Notification("damaged: \($0.what): \($0.count.counted("record"))", level: "error") }
        + (report.verdict == .notJudged ? [Notification(report.notJudgedText(notesAre: "below"), level: "note")] : [])
    }
  }

  private struct Notification: Encodable {
    let level: String
    let message: Text

    init(_ text: String, level: String) {
      self.level = level
      message = Text(text: text)
    }
  }
}
