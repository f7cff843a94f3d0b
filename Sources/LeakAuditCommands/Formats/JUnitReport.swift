// SPDX-License-Identifier: Apache-2.0

#if AllFormats
  import LedgerReading
  import Mustache
  import ResourceLedger

  /// Findings as test results in the form of JUnit, which build servers show. There is no standard of it; the elements
  /// are those that Jenkins and GitLab document.
  ///
  /// Each ledger is a test suite. Each line of code of a finding is a test: it fails if the finding counts, and is
  /// skipped if it is a note. A further test of each suite is the audit itself: it is an error if the ledger could not
  /// be read whole.
  struct JUnitReport {
    let counts: Counts
    let suites: [Suite]

    init(_ reports: [LedgerReport], failures: [String] = []) {
      suites = reports.map(Suite.init) + failures.map(Suite.init(failure:))
      counts = Counts(suites.flatMap(\.tests))
    }

    func text() throws -> String { try MarkupText.render(Self.template, self) }

    private static let template = """
      <?xml version="1.0" encoding="UTF-8"?>
      {{#counts}}<testsuites tests="{{tests}}" failures="{{failures}}" errors="{{errors}}" \
      skipped="{{skipped}}">{{/counts}}
      {{#suites}}
        {{#counts}}<testsuite name="{{name}}" tests="{{tests}}" failures="{{failures}}" errors="{{errors}}" \
      skipped="{{skipped}}"{{#time}} timestamp="{{.}}"{{/time}}>{{/counts}}
      {{#tests}}
          <testcase classname="{{className}}" name="{{name}}">
      {{#skipped}}
            <skipped message="{{message}}"/>
      {{/skipped}}
      {{#failure}}
            <failure type="{{type}}" message="{{message}}">{{text}}</failure>
      {{/failure}}
      {{#error}}
            <error type="{{type}}" message="{{message}}">{{text}}</error>
      {{/error}}
          </testcase>
      {{/tests}}
        </testsuite>
      {{/suites}}
      </testsuites>
      """
  }

  extension JUnitReport {
    struct Counts {
      let tests: Int
      let failures: Int
      let errors: Int
      let skipped: Int

      init(_ all: [Test]) {
        tests = all.count
        failures = all.count { $0.failure != nil }
        errors = all.count { $0.error != nil }
        skipped = all.count { $0.skipped != nil }
      }
    }

    struct Suite {
      let name: String
      let time: String?
      let counts: Counts
      let tests: [Test]

      init(_ report: LedgerReport) {
        name = report.title
        time = UniversalTime.iso8601(nanoseconds: report.takenAt)
        var audit = Test(className: "leak-audit", name: "the ledger can be read whole")
        if report.isPartial {
          audit.error = Outcome(
            type: "partial", message: "a part of the ledger could not be read or believed",
            text: report.damage.map { "\($0.what): \($0.count.counted("record"))" }.joined(separator: "\n"))
        }
        tests = [audit] + report.findings.flatMap(Test.tests)
        counts = Counts(tests)
      }

      init(failure: String) {
        name = "leak-audit"
        time = nil
        var test = Test(className: "leak-audit", name: "the ledger can be read")
        test.error = Outcome(type: "unreadable", message: failure, text: "")
        tests = [test]
        counts = Counts(tests)
      }
    }

    struct Outcome {
      let type: String
      let message: String
      let text: String
    }

    struct Test {
      let className: String
      let name: String
      // At most one of them; none if the test passed.
      var failure: Outcome?
      var error: Outcome?
      var skipped: Outcome?
    }
  }

  extension JUnitReport.Test {
    init(className: String, name: String) {
      self.className = className
      self.name = name
    }

    fileprivate static func tests(of judged: LedgerReport.JudgedFinding) -> [JUnitReport.Test] {
      let finding = judged.finding
      let owners = [finding.arena.map { "arena \($0)" }, finding.domain]
      return judged.rows.map { row in
        let line = row.site.map { "\($0.file):\($0.line) in \($0.function)" }
        return JUnitReport.Test(judged, row, place: ([line] + owners).compactMap { $0 }.joined(separator: ", "))
      }
    }

    private init(_ judged: LedgerReport.JudgedFinding, _ row: LedgerReport.JudgedFinding.Row, place: String) {
      let kind = judged.finding.kind.rawValue
      self.init(className: "leak-audit.\(kind)", name: place.isEmpty ? kind : place)
      let outcome = JUnitReport.Outcome(
        type: kind, message: "\(kind): \(row.amount)" + (place.isEmpty ? "" : " at \(place)"),
        text: [judged.explanation, judged.finding.reason, "next: \(judged.next)"].compactMap { $0 }
          .joined(separator: "\n"))
      if judged.counts { failure = outcome } else { skipped = outcome }
    }
  }
#endif
