// SPDX-License-Identifier: Apache-2.0

/// The sums of a domain's entries, by bucket. Buckets without entries take no memory: an arena has 232 and uses few.
package struct BucketTotals: Sendable {
  /// The buckets that have entries, ascending.
  package private(set) var buckets: [Int] = []
  /// The sums of these buckets, in the same order.
  package private(set) var sums: [EntryTotals] = []

  package init() {}

  /// The buckets that have entries here or a count that is not 0 in `counts`, ascending.
  package func buckets(with counts: [Int]) -> [Int] {
    counts.indices.filter { counts[$0] != 0 || buckets.contains($0) }
  }

  package subscript(bucket: Int) -> EntryTotals {
    get { buckets.firstIndex(of: bucket).map { sums[$0] } ?? EntryTotals() }
    set {
      if let index = buckets.firstIndex(of: bucket) { sums[index] = newValue } else { append(newValue, at: bucket) }
    }
  }

  private mutating func append(_ totals: EntryTotals, at bucket: Int) {
    let index = buckets.firstIndex { $0 > bucket } ?? buckets.endIndex
    buckets.insert(bucket, at: index)
    sums.insert(totals, at: index)
  }
}
