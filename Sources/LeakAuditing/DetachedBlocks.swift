// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import ResourceLedger

/// The blocks that `unsafeDetach()` gave to C: the allocator knows when they are freed, and the ledger does not.
enum DetachedBlocks {
  /// Takes out of the ledger the detached blocks that the allocator no longer has. The caller holds the arena's lock.
  static func removeFreed(of arena: Arena, counts: ArenaCounts, totals: inout BucketTotals, in ledger: Ledger) {
    var freed: [Int: Int] = [:]
    for bucket in totals.buckets {
      let count = min(totals[bucket].detachedCount, max(0, totals[bucket].count - counts.liveCounts[bucket]))
      if count > 0 { freed[bucket] = count }
    }
    guard !freed.isEmpty else { return }
    ledger.forEachResource { entry, snapshot in
      let bucket = Int(snapshot.bucket)
      guard snapshot.domain == arena.domain.number, snapshot.word.isDetached, let rest = freed[bucket], rest > 0
      else { return }
      freed[bucket] = rest - 1
      totals[bucket].detachedCount -= 1
      totals[bucket].detachedCapacity -= Int128(snapshot.capacity)
      _ = entry.endLife(as: .free)
      arena.releaseEntry(entry, in: ledger)
    }
  }
}
