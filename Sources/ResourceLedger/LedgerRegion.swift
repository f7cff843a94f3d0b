// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A ledger's memory. Its addresses are reserved once and never move; its pages become readable and writable as they
/// are needed.
// SAFETY: the mapping is made once, and is unmapped only with this object.
@safe final class LedgerRegion: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  /// - Throws: ``LedgerError`` if the kernel gives no address space.
  init(byteCount: Int) throws(LedgerError) {
    self.byteCount = byteCount
    // SAFETY: a fresh private mapping; zero bytes are valid for every record (all integers and atomics).
    let region = unsafe mmap(nil, byteCount, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else {
      throw LedgerError(.reservationFailed(byteCount: byteCount, errno: errno))
    }
    unsafe base = region
  }

  deinit { unsafe munmap(base, byteCount) }

  /// Makes whole pages readable and writable.
  /// - Returns: the `errno` of the system call that the kernel refused; nil if it refused none.
  func makeUsable(_ range: Range<Int>) -> Int32? {
    unsafe mprotect(base + range.lowerBound, range.count, PROT_READ | PROT_WRITE) == 0 ? nil : errno
  }
}

/// How much of one table is readable and writable.
struct TableGrowth {
  /// The offset in the region where the readable and writable bytes end.
  private(set) var end: Int
  private let tableEnd: Int
  private let step: Int

  init(of table: LedgerLayout.Table, pageSize: Int) {
    end = table.offset
    tableEnd = (table.end + pageSize - 1) / pageSize * pageSize
    step = max(table.kind.growthStep, pageSize)
  }

  /// Makes more bytes of the table readable and writable, unless all bytes before `wanted` already are.
  /// - Returns: the `errno` of the system call that the kernel refused; nil if all bytes before `wanted` are usable.
  mutating func grow(upTo wanted: Int, in region: LedgerRegion) -> Int32? {
    while end < wanted {
      let next = min(end + step, tableEnd)
      if let errno = region.makeUsable(end..<next) { return errno }
      end = next
    }
    return nil
  }
}
