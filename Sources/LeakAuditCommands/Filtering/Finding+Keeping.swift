// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

extension Finding {
  /// The finding with those of its lines of code that are shown. Its count and its bytes stay those of all lines.
  func showing(_ shows: (Site) -> Bool) -> Finding {
    Finding(
      kind: kind, count: count, byteCount: byteCount, sizeClass: sizeClass, arena: arena, domain: domain,
      domainKind: domainKind, reason: reason, age: age, waiting: waiting,
      sites: sites.filter { shows(Site(file: $0.file, line: $0.line, function: $0.function)) })
  }

  /// The finding without the lines of code that are refused; nil if nothing is left of it.
  /// - Parameter isKept: is asked about each line, or once with nil if the finding has no lines.
  package func keeping(_ isKept: (SiteTotals?) -> Bool) -> Finding? {
    guard !sites.isEmpty else { return isKept(nil) ? self : nil }
    let kept = sites.filter(isKept)
    guard kept.count < sites.count else { return self }
    let removed = sites.filter { !isKept($0) }
    let count = max(0, count - Int.clampedSum(removed.map(\.count)))
    let byteCount = max(0, byteCount - Int.clampedSum(removed.map(\.byteCount)))
    guard !kept.isEmpty || count > 0 else { return nil }
    return Finding(
      kind: kind, count: count, byteCount: byteCount, sizeClass: sizeClass, arena: arena, domain: domain,
      domainKind: domainKind, reason: reason, age: age, waiting: waiting, sites: kept)
  }
}
