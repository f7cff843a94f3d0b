/// What the entries of one domain add up to, small enough to be read while the domain's books are held.
package struct DomainSum: Equatable, Sendable {
  /// Entries with a resource behind them.
  package var count = 0
  /// Their bytes, as a census gives them; exact.
  package var byteCount: Int128 = 0
  /// Made of each entry's number and life: equal to a later one only where the same resources are live.
  package var fingerprint: UInt64 = 0

  package init() {}

  mutating func add(_ word: EntryWord, of entry: LedgerEntry, at index: Int) {
    if word.state == .free { return }
    count += 1
    byteCount &+= Int128(word.state == .live && !word.isDetached ? entry.byteCount : entry.capacity)
    // The index in the high bits, where no generation of this program's life reaches; spread by an odd factor.
    fingerprint &+= (UInt64(truncatingIfNeeded: index) << 36 ^ word.generation) &* 0x9E37_79B9_7F4A_7C15 | 1
  }
}

extension Ledger {
  /// For each of the given domains, the entries that carry its number, with or without a resource behind
  /// them: a domain sets entries aside far more seldom than it uses them, so that a sum over these soon
  /// after is the domain's.
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

  /// Adds up the entries at these indices, as far as they are the domain's. Allocates nothing, takes no lock.
  package func sum(of domain: DomainNumber, at indices: [UInt32]) -> DomainSum {
    var sum = DomainSum()
    for index in indices { add(Int(index), of: domain, to: &sum) }
    return sum
  }

  /// Adds up every entry of a domain. Allocates nothing, takes no lock.
  /// Cost: as ``entryIndices(of:)``.
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
