/// What a domain's entries add up to, bucket by bucket. Buckets without entries take no room: an arena has 232, and uses few.
package struct BucketTotals: Sendable {
  /// Those that have entries, ascending.
  package private(set) var buckets: [Int] = []
  /// What these add up to, in their order.
  package private(set) var sums: [EntryTotals] = []

  /// Those that have entries here or a count there, ascending.
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
