// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

extension SARIFLog {
  struct Result: Encodable {
    let ruleId: String
    let ruleIndex: Int
    let level: String
    let message: Text
    let locations: [Location]
    /// By these a code host knows a result again after lines were added above it.
    let partialFingerprints: [String: String]
    let occurrenceCount: Int?
    let properties: Properties
  }

  struct Properties: Encodable {
    let count: Int
    let byteCount: Int
    let oldestAgeSeconds: Int?
    let arena: String?
    let domain: String?
  }

  struct Location: Encodable {
    let physicalLocation: PhysicalLocation?
    let logicalLocations: [LogicalLocation]
  }

  struct PhysicalLocation: Encodable {
    let artifactLocation: ArtifactLocation
    let region: [String: Int]?
  }

  struct ArtifactLocation: Encodable {
    let uri: String
    let uriBaseId = Self.root

    /// The name by which tools mean the folder of the sources.
    static var root: String { "%SRCROOT%" }
  }

  struct LogicalLocation: Encodable {
    let fullyQualifiedName: String
    let kind: String
  }
}

extension SARIFLog.Result {
  /// One result for each line of code; or one without a line, if no line is known.
  static func results(
    of judged: LedgerReport.JudgedFinding, in report: LedgerReport, files: SourceFiles
  ) -> [SARIFLog.Result] {
    judged.rows.map { row in
      let location = row.site.map { place(of: $0, files: files) } ?? place(of: judged.finding)
      return SARIFLog.Result(judged, report, row, location: location)
    }
  }

  private init(
    _ judged: LedgerReport.JudgedFinding, _ report: LedgerReport, _ row: LedgerReport.JudgedFinding.Row,
    location: SARIFLog.Location?
  ) {
    let (finding, site) = (judged.finding, row.site)
    ruleId = finding.kind.rawValue
    ruleIndex = Finding.Kind.allCases.firstIndex(of: finding.kind) ?? -1
    level = judged.counts ? "error" : "note"
    var text = row.amount
    if let age = site?.oldestAge { text += ", the oldest for \(Age.text(seconds: age))" }
    text += ": \(judged.explanation)"
    if let reason = finding.reason { text += " (\(reason))" }
    message = SARIFLog.Text(text: "\(text). \(judged.next)\n\n\(report.title)")
    locations = location.map { [$0] } ?? []
    let place = site.map { "\($0.file) \($0.function)" } ?? finding.arena ?? finding.domain ?? ""
    partialFingerprints = ["kindFileFunction/v1": "\(finding.kind.rawValue) \(place)"]
    occurrenceCount = row.count > 0 ? row.count : nil
    properties = SARIFLog.Properties(
      count: row.count, byteCount: row.byteCount, oldestAgeSeconds: site?.oldestAge, arena: finding.arena,
      domain: finding.domain)
  }

  private static func place(of finding: Finding) -> SARIFLog.Location? {
    (finding.arena ?? finding.domain).map { name in
      SARIFLog.Location(
        physicalLocation: nil, logicalLocations: [SARIFLog.LogicalLocation(fullyQualifiedName: name, kind: "resource")])
    }
  }

  private static func place(of site: SiteTotals, files: SourceFiles) -> SARIFLog.Location {
    // A ledger has line 0 for the unknown line, and SARIF's lines begin at 1.
    SARIFLog.Location(
      physicalLocation: files.path(of: site.file).map { path in
        SARIFLog.PhysicalLocation(
          artifactLocation: SARIFLog.ArtifactLocation(uri: percentEncoded(path)),
          region: site.line > 0 ? ["startLine": min(site.line, Int(Int32.max))] : nil)
      },
      logicalLocations: [SARIFLog.LogicalLocation(fullyQualifiedName: site.function, kind: "function")])
  }

  /// A path as the relative reference of a URI (RFC 3986): all bytes but the unreserved ones and the slash are encoded.
  private static func percentEncoded(_ path: String) -> String {
    var text = ""
    for byte in path.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: "~"), UInt8(ascii: "/"):
        text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return text
  }
}
