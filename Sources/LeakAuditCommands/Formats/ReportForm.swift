// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import LedgerReading

/// The forms of a report about one ledger or several.
enum ReportForm: String, CaseIterable, Sendable, ExpressibleByArgument {
  case text, json, html, folded, sarif, junit, openmetrics, prometheus

  static var help: String {
    "The form of the report: text; html for browsers; json with all fields; folded for flame graphs; sarif for code "
      + "hosts; junit for build servers; openmetrics or prometheus for metrics."
  }
}

/// A ledger that was audited: what is reported of it, and everything that was read.
struct AuditedLedger {
  let snapshot: LedgerSnapshot
  let report: LedgerReport
  /// The seconds that reading and auditing took.
  var duration: Double?
}
