// SPDX-License-Identifier: Apache-2.0

extension LedgerReader {
  /// What a snapshot is to have.
  package struct Options: Sendable {
    /// Ascending ages in seconds: each is the begin of an age band. There are at most 7.
    package private(set) var ageBoundaries = [10, 60, 600, 3_600, 86_400]
    /// An age for which the snapshot must be able to say how much is surely that old: see
    /// ``LedgerSnapshot/firstBand(surelyOfAge:)``.
    package var leastAge: Int?
    /// How many of the largest live resources the snapshot has, one by one.
    package var largestCount = 10_000

    package init(leastAge: Int? = nil) { self.leastAge = leastAge }

    /// With a boundary at which all resources are surely as old as asked for.
    func withBoundary(longestGap: Int) -> Options {
      guard let leastAge, leastAge > 0 else { return self }
      var options = self
      let (boundary, overflow) = leastAge.addingReportingOverflow(longestGap)
      if !overflow, !ageBoundaries.contains(boundary) {
        options.ageBoundaries = (ageBoundaries + [boundary]).sorted()
      }
      return options
    }
  }
}
