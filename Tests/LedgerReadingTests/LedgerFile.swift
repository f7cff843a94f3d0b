// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

@testable import ResourceLedger

extension Ledger {
  /// Writes the header and the records that may be read to a new file, and returns its path. The rest are holes.
  func writeFile() -> String {
    let path = "/tmp/ledger-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
    let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    precondition(file >= 0 && ftruncate(file, off_t(layout.regionSize)) == 0)
    defer { close(file) }
    func write(_ range: Range<Int>) {
      precondition(unsafe pwrite(file, base + range.lowerBound, range.count, off_t(range.lowerBound)) == range.count)
    }
    write(0..<LedgerLayout.headerSize)
    for table in layout.tables where table.capacity > 0 {
      let count = Int(unsafe count(of: table.kind).pointee.load(ordering: .acquiring))
      write(table.offset..<table.offset + count * table.kind.recordSize)
    }
    return path
  }
}

/// Maps a file as its process maps a ledger. If a process has not mapped the ledger that names it, it has begun another
/// program.
func withMappedFile<R>(_ path: String, _ body: () throws -> R) throws -> R {
  let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
  defer { close(file) }
  let mapping = unsafe mmap(nil, 4_096, PROT_READ, MAP_SHARED, file, 0)
  defer { unsafe munmap(mapping, 4_096) }
  return try body()
}
