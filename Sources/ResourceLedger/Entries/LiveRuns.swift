// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Adds up live entries by line and domain, in the order of the ledger. Neighbours often have the same line: their sum
/// stays in registers until an entry has another one.
package struct LiveRuns {
  /// The live resources of one line in one domain, of entries that are neighbours.
  package struct Run {
    package let domain: DomainNumber
    package let site: SiteID
    package fileprivate(set) var count: UInt32 = 0
    package fileprivate(set) var byteCount: UInt64 = 0
    package fileprivate(set) var earliestBirth = EarliestBirth()
  }

  private var run = Run(domain: DomainNumber(rawValue: 0), site: .unknown)

  /// Adds an entry if it is live and not detached, and if its life does not end while it is read.
  /// - Parameter body: is called with the sum of the entries before, if this one has another line or domain.
  @inline(__always)
  mutating func add(_ entry: LedgerEntry, _ word: EntryWord, ending body: (Run) -> Void) {
    guard word.state == .live, !word.isDetached else { return }
    let domain = entry.classification.domain
    let site = entry.site
    let byteCount = entry.byteCount
    let birth = entry.birth
    atomicMemoryFence(ordering: .acquiring)
    guard entry.word.isSameLife(as: word) else { return }
    if domain != run.domain || site != run.site {
      end(body)
      run = Run(domain: domain, site: site)
    }
    run.count &+= 1
    // Each addend has at most 49 bits, and the sum stays at the most that an Int holds.
    run.byteCount = min(run.byteCount &+ UInt64(truncatingIfNeeded: byteCount), UInt64(Int.max))
    run.earliestBirth.include(birth)
  }

  /// Calls `body` with the sum of the last entries.
  func end(_ body: (Run) -> Void) { if run.count > 0 { body(run) } }
}
