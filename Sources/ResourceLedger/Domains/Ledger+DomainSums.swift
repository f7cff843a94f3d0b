// SPDX-License-Identifier: Apache-2.0

/// The sum of one domain's entries. It is small, so that it can be read while the domain's books are held.
package struct DomainSum: Equatable, Sendable {
  /// The number of entries that have a resource.
  package var count = 0
  /// The bytes of these entries as a census counts them; exact.
  package var byteCount: Int128 = 0
  /// Computed from each entry's index and generation: two sums have equal fingerprints only if the same resources are
  /// live.
  package var fingerprint: UInt64 = 0

  package init() {}

  mutating func add(_ word: EntryWord, of entry: LedgerEntry, at index: Int) {
    if word.state == .free { return }
    count += 1
    byteCount &+= Int128(word.state == .live && !word.isDetached ? entry.byteCount : entry.capacity)
    // The index is in the high bits, which no generation reaches while the program runs. The odd factor spreads the
    // bits.
    fingerprint &+= (UInt64(truncatingIfNeeded: index) << 36 ^ word.generation) &* 0x9E37_79B9_7F4A_7C15 | 1
  }
}

extension Ledger {
  /// For each of the given domains, the indices of the entries that carry its number, with or without a resource. A
  /// domain uses its entries far more often than it takes new ones, so a sum over these indices soon afterwards is the
  /// domain's sum.
  /// Cost: 64 bytes of memory read per entry ever in use at the same time.
  package func entryIndices(of domains: [DomainNumber]) -> [[UInt32]] {
    var row = [Int](repeating: -1, count: domainCount)
    for (index, domain) in domains.enumerated() where Int(domain.rawValue) < row.count {
      row[Int(domain.rawValue)] = index
    }
    var indices = [[UInt32]](repeating: [], count: domains.count)
    for index in 0..<entryCount {
      let domain = Int(entry(at: index).classification.domain.rawValue)
      if domain < row.count, row[domain] >= 0 { indices[row[domain]].append(UInt32(index)) }
    }
    return indices
  }

  /// Adds up the entries at these indices that are the domain's. Allocates nothing, takes no lock.
  package func sum(of domain: DomainNumber, at indices: [UInt32]) -> DomainSum {
    var sum = DomainSum()
    for index in indices { add(Int(index), of: domain, to: &sum) }
    return sum
  }

  /// Adds up every entry of a domain. Allocates nothing, takes no lock.
  /// Cost: the same as ``entryIndices(of:)``.
  package func sum(of domain: DomainNumber) -> DomainSum {
    var sum = DomainSum()
    for index in 0..<entryCount { add(index, of: domain, to: &sum) }
    return sum
  }

  private func add(_ index: Int, of domain: DomainNumber, to sum: inout DomainSum) {
    let entry = entry(at: index)
    let word = entry.word
    if word.state != .free, entry.classification.domain == domain { sum.add(word, of: entry, at: index) }
  }
}
