// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Testing

@testable import LedgerReading

@Suite("Reports: text and JSON")
struct ReportTests {
  @Test("The report's text is as expected")
  func text() throws {
    let report = AuditReport(
      verdict: .faults,
      findings: [
        Finding(
          kind: .held, count: 2, byteCount: 2_000_000, sizeClass: 1_048_576, arena: nil,
          sites: [SiteTotals(file: "App/Frame.swift", line: 7, function: "decode()", count: 2, byteCount: 2_000_000)])
      ],
      arenas: [], adopted: .init(count: 0, byteCount: 0),
      outside: .init(malloc: "libc.so.6", allocated: 1_234, metadata: 5, residentSet: 67_890))
    #expect(
      report.text == """
        outside the arenas: 1,234 bytes of malloc (libc.so.6), 5 of jemalloc's own; resident set 67,890

        findings
          held: 2 of 2,000,000 bytes, size class 1,048,576
            live after the scope that should have released it: a live reference or a retain cycle
            2 × App/Frame.swift:7 in decode(), 2,000,000 bytes

        verdict: faults. See the findings above.
        """)
  }

  @Test("The text and the JSON have the domains, and reports without domains, of earlier versions, can still be read")
  func formats() throws {
    let orphans = DomainBooks(
      name: "textures", kind: .custom, census: ExactCensus(count: 1_201, byteCount: 0),
      ledger: DomainSum(count: 1_200, byteCount: 4_800), isSettled: true,
      sites: [SiteTotals(file: "App/Scene.swift", line: 9, function: "load()", count: 1_200, byteCount: 4_800)])
    let uncounted = DomainBooks(
      name: "sockets", kind: .fileDescriptor, census: nil, censusError: "no /proc", ledger: DomainSum(count: 2),
      isSettled: true)
    let findings = orphans.findings + uncounted.findings
    let report = AuditReport(
      verdict: Verdict(findings), findings: findings, arenas: [], domains: [orphans, uncounted],
      adopted: .init(count: 0, byteCount: 0),
      outside: .init(malloc: "libc.so.6", allocated: 1, metadata: 2, residentSet: 3))
    #expect(
      report.text == """
        domains
                                        census  ledger  census bytes  ledger bytes
          "textures" (custom)            1,201   1,200             -         4,800
          "sockets" (file descriptors)       ?       2             -             0
          in the ledger of "textures"
            1,200 × App/Scene.swift:9 in load(), 4,800 bytes

        outside the arenas: 1 bytes of malloc (libc.so.6), 2 of jemalloc's own; resident set 3

        findings
          orphan: 1, domain "textures" (custom)
            the domain has more than the ledger: resources made without a handle
          uncounted: 2, domain "sockets" (file descriptors)
            the domain could not count itself: nothing to compare the ledger with
            no /proc

        verdict: faults. See the findings above.
        """)
    let json = try JSONEncoder().encode(report)
    let read = try JSONDecoder().decode(AuditReport.self, from: json)
    #expect(read.domains == report.domains && read.findings == report.findings)
    var object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    object["domains"] = nil
    object["findings"] = [["kind": "held", "count": 1, "byteCount": 2, "sites": [Any]()]]
    let old = try JSONDecoder().decode(AuditReport.self, from: JSONSerialization.data(withJSONObject: object))
    #expect(old.domains == [] && old.findings == [Finding(kind: .held, count: 1, byteCount: 2)])
  }

  @Test("A report whose figures are the least and the greatest numbers can be read and shown")
  func hostileReport() async {
    await #expect(processExitsWith: .exitCode(0)) {
      for figure in [Int.min, .max] {
        let report = try JSONDecoder().decode(AuditReport.self, from: Self.report(of: figure))
        _ = report.text
        for arena in report.arenas { _ = arena.sizeClasses.map(\.difference) }
        _ = report.domains.flatMap(\.findings)
        _ = try JSONEncoder().encode(report)
      }
    }
  }

  @Test("A report can be read only if its verdict agrees with its findings")
  func contradiction() throws {
    let audit = String(decoding: Self.report(of: 1), as: UTF8.self)
    func scope(_ verdict: String, _ kinds: [String]) -> String {
      let findings = kinds.map { #"{"kind": "\#($0)", "count": 1, "byteCount": 0, "sites": []}"# }
      return #"{"name": "a", "verdict": "\#(verdict)", "findings": [\#(findings.joined(separator: ","))]}"#
    }
    func refusal<Report: Decodable>(_ type: Report.Type, _ text: String) -> String {
      do { _ = try JSONDecoder().decode(type, from: Data(text.utf8)) } catch { return "\(error)" }
      return "none"
    }
    #expect(refusal(AuditReport.self, audit) == "none")
    for verdict in ["clean", "notes"] {
      let text = audit.replacing(#""verdict": "faults""#, with: #""verdict": "\#(verdict)""#)
      #expect(refusal(AuditReport.self, text).contains("but the findings of the report make it"))
    }
    for (verdict, kinds) in [("clean", []), ("notes", ["rescued"]), ("faults", ["rescued", "stuck"])] {
      #expect(refusal(ScopeReport.self, scope(verdict, kinds)) == "none")
      for other in ["clean", "notes", "faults"] where other != verdict {
        #expect(refusal(ScopeReport.self, scope(other, kinds)).contains("but the findings of the report make it"))
      }
    }
  }

  private static func report(of figure: Int) -> Data {
    let text = """
      {"verdict": "faults",
       "findings": [{"kind": "orphan", "count": F, "byteCount": F, "sizeClass": F, "sites":
         [{"file": "a", "line": F, "function": "b", "count": F, "byteCount": F}]}],
       "arenas": [{"name": "a", "index": F, "allocatorCount": F, "allocatorByteCount": F,
         "live": {"count": F, "byteCount": F}, "idle": {"count": F, "byteCount": F},
         "quarantined": {"count": F, "byteCount": F}, "detached": {"count": F, "byteCount": F},
         "difference": F, "differenceByteCount": F,
         "sizeClasses": [{"sizeClass": F, "allocatorCount": F, "liveCount": F, "idleCount": F, "quarantinedCount": F,
           "detachedCount": F}],
         "retention": {"idle": F, "dirty": F, "muzzy": F, "retained": F, "rounding": F},
         "buffers": {"created": F, "disposed": F, "rescued": F, "live": F, "detached": F}}],
       "domains": [{"name": "d", "kind": "custom", "census": {"count": F, "byteCount": F},
         "ledger": {"count": F, "byteCount": F}, "countsBytes": true, "difference": F, "differenceByteCount": F,
         "isSettled": true, "sites": []}],
       "adopted": {"count": F, "byteCount": F},
       "outside": {"malloc": "libc.so.6", "allocated": F, "metadata": F, "residentSet": F}}
      """.replacingOccurrences(of: "F", with: "\(figure)")
    return Data(text.utf8)
  }
}
