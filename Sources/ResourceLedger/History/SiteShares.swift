// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What is live of each line of code, in room that is set aside for all lines that a ledger can have.
///
/// The room is mapped and not allocated: it is large, and would be counted among what the process has from `malloc`.
// SAFETY: the memory belongs to this object alone; its user makes sure that only one thread at a time uses it.
@safe final class SiteShares: @unchecked Sendable {
  /// The live resources of one line.
  struct Share {
    var site = 0
    var count = 0
    var byteCount = 0
  }

  /// The lines with most bytes, those first; shares of no resources fill the rest.
  typealias Largest = InlineArray<20, Share>

  private struct Sum {
    var count: Int
    var byteCount: Int
  }

  private let sums: UnsafeMutablePointer<Sum>
  private let size: Int

  /// - Returns: nil if memory is short.
  init?(capacity: Int) {
    size = capacity * MemoryLayout<Sum>.stride
    // The kernel gives the memory when it is used, so lines that do not exist take none.
    let region = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else { return nil }
    // SAFETY: `Sum` is two integers, which zero bytes are valid for.
    unsafe sums = region.bindMemory(to: Sum.self, capacity: capacity)
  }

  deinit { unsafe munmap(sums, size) }

  func clear(_ siteCount: Int) { unsafe sums.update(repeating: Sum(count: 0, byteCount: 0), count: siteCount) }

  @inline(__always)
  func add(_ byteCount: Int, to site: Int) {
    unsafe sums[site].count &+= 1
    unsafe sums[site].byteCount &+= byteCount
  }

  func largest(of siteCount: Int) -> Largest {
    var largest = Largest(repeating: Share())
    for site in 0..<siteCount {
      let sum = unsafe sums[site]
      let last = largest[largest.count - 1]
      guard sum.count > 0, last.count == 0 || sum.byteCount > last.byteCount else { continue }
      var place = largest.count - 1
      while place > 0, largest[place - 1].count == 0 || largest[place - 1].byteCount < sum.byteCount {
        largest[place] = largest[place - 1]
        place -= 1
      }
      largest[place] = Share(site: site, count: sum.count, byteCount: sum.byteCount)
    }
    return largest
  }
}
