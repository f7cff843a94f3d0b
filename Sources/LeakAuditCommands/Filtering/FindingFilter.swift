// SPDX-License-Identifier: Apache-2.0

package import LedgerReading

/// Which findings of a report count, by the options of the command line.
package struct FindingFilter: Sendable {
  private let counted: CountedKinds
  let minimumByteCount: Int
  private let ownFiles: [Pattern]
  package private(set) var suppressions: Suppressions

  /// - Parameters:
  ///   - minimumByteCount: lines of code with fewer bytes are left out.
  ///   - ownFiles: only findings about files that match one of these patterns count; all, if there is no pattern.
  package init(
    counted: CountedKinds = CountedKinds(), minimumByteCount: Int = 0, ownFiles: [Pattern] = [],
    suppressions: Suppressions = Suppressions()
  ) {
    self.counted = counted
    self.minimumByteCount = minimumByteCount
    self.ownFiles = ownFiles
    self.suppressions = suppressions
  }

  /// A finding of a report, and whether it makes the exit code 1.
  package struct Judged: Sendable, Equatable {
    package let finding: Finding
    package let counts: Bool
  }

  /// The findings that are shown, and what suppression rules left out. Small ones are left out, too; those about files
  /// of others are shown, and do not count.
  /// - Parameter isFault: whether a finding of this kind is a fault in this report.
  package mutating func judge(
    _ findings: [Finding], isFault: (Finding.Kind) -> Bool
  ) -> (shown: [Judged], suppressed: [Suppressions.Covered]) {
    let large = findings.compactMap { finding in
      finding.keeping { site in (site?.byteCount ?? finding.byteCount) >= minimumByteCount }
    }
    let (kept, suppressed) = suppressions.apply(to: large)
    let shown = kept.flatMap { finding in
      let counts = counted.counts(finding.kind, isFault: isFault(finding.kind))
      guard counts, !ownFiles.isEmpty else { return [Judged(finding: finding, counts: counts)] }
      // What has no line of code may be anyone's, so it counts.
      let own = finding.keeping { site in site.map(isOwn) ?? true }
      let others = finding.keeping { site in site.map { !isOwn($0) } ?? false }
      return [own.map { Judged(finding: $0, counts: true) }, others.map { Judged(finding: $0, counts: false) }]
        .compactMap { $0 }
    }
    return (shown, suppressed)
  }

  private func isOwn(_ site: SiteTotals) -> Bool { ownFiles.contains { $0.matches(site.file) } }
}
