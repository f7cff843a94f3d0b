// SPDX-License-Identifier: Apache-2.0

/// Says which pages of a process are in memory: the file `/proc/PID/pagemap`, open for reading.
///
/// The user of the process may read it; it needs no privilege, and does not stop the process.
package struct PageMap: ~Copyable {
  private let file: ProcessFile
  private let pageByteCount: Int

  /// The pages that are read at a time: 512 KiB of the file.
  private static let pieceCount = 1 << 16

  /// - Parameter pageByteCount: the size of a page, a power of two.
  /// - Throws: ``ResidencyError`` if there is no such process, or if its memory may not be looked at.
  package init(ofProcess process: Int32, pageByteCount: Int) throws(ResidencyError) {
    file = try ProcessFile("pagemap", ofProcess: process)
    self.pageByteCount = pageByteCount
  }

  /// Reads the pages of a range of whole pages, in order and in large pieces. Addresses that the process has not mapped
  /// read as pages that are not in memory.
  /// - Throws: ``ResidencyError`` if the process has ended.
  /// - Complexity: 8 bytes, and some 10 ns, for each page of the range.
  package func pages(in range: Range<UInt>) throws(ResidencyError) -> PresentPages {
    var pages = PresentPages(range: range, pageByteCount: pageByteCount)
    let firstPage = range.lowerBound / UInt(pageByteCount)
    var entries = [UInt64](repeating: 0, count: min(Self.pieceCount, pages.pageCount))
    var done = 0
    while done < pages.pageCount {
      let count = min(entries.count, pages.pageCount - done)
      try unsafe entries.withUnsafeMutableBufferPointer { buffer throws(ResidencyError) in
        let piece = unsafe UnsafeMutableBufferPointer(rebasing: buffer[..<count])
        unsafe try file.read(into: piece, atWord: firstPage + UInt(done))
      }
      for index in 0..<count { pages.set(done + index, to: entries[index]) }
      done += count
    }
    return pages
  }
}
