// SPDX-License-Identifier: Apache-2.0

/// Which pages of a range of addresses are in memory: one bit for each page.
package struct PresentPages: Sendable {
  /// The address of the first page, and the number of pages.
  package let start: UInt
  package let pageCount: Int
  package let pageByteCount: Int
  private let pageShift: UInt
  private var present: [UInt64]
  /// Of the present pages, those that may be the kernel's one page of zeros. Memory that was read and never written to
  /// has that page, and it does not count as resident.
  private var maybeZero: [UInt64]
  /// Pages in swap space; empty if there are none.
  private var swapped: [UInt64] = []
  /// The number of present pages, and of those that may be zeros.
  package private(set) var presentCount = 0
  private var maybeZeroCount = 0

  /// Makes the pages of a range of whole pages, of which none is in memory.
  package init(range: Range<UInt>, pageByteCount: Int) {
    start = range.lowerBound
    precondition(pageByteCount > 0 && pageByteCount & (pageByteCount - 1) == 0, "a page has 2^n bytes")
    self.pageByteCount = pageByteCount
    pageShift = UInt(pageByteCount.trailingZeroBitCount)
    pageCount = Int(clamping: (range.upperBound - range.lowerBound) >> pageShift)
    let wordCount = (pageCount + 63) >> 6
    present = Array(repeating: 0, count: wordCount)
    maybeZero = Array(repeating: 0, count: wordCount)
  }

  /// Takes over a word of `/proc/PID/pagemap` for a page. Each page is set at most once.
  package mutating func set(_ page: Int, to entry: UInt64) {
    guard entry & (PageEntry.present | PageEntry.swapped) != 0 else { return }
    let (word, bit) = (page >> 6, UInt64(1) << UInt64(page & 63))
    if entry & PageEntry.present != 0 {
      present[word] |= bit
      presentCount += 1
      if entry & (PageEntry.exclusive | PageEntry.ofFile) == 0 {
        maybeZero[word] |= bit
        maybeZeroCount += 1
      }
    } else {
      if swapped.isEmpty { swapped = Array(repeating: 0, count: present.count) }
      swapped[word] |= bit
    }
  }

  /// Forgets pages of zeros, which the kernel does not count as resident.
  ///
  /// A page that may be the page of zeros may also be one that the process shares with a process that was forked. If
  /// more of them are in memory than the kernel counts, by at least half of their number, they are pages of zeros.
  /// Otherwise they are shared pages, and what exceeds the kernel's count came meanwhile. A process that has both sorts
  /// of pages has some of them counted wrongly.
  package mutating func forgetZeros(residentByteCount: Int) {
    let surplus = presentCount - residentByteCount / pageByteCount
    guard surplus > 0, surplus >= (maybeZeroCount + 1) / 2 else { return }
    for word in present.indices { present[word] &= ~maybeZero[word] }
    presentCount -= maybeZeroCount
    maybeZeroCount = 0
  }

  // MARK: Counting

  /// The pages that a range of addresses touches. The range lies in the range of all pages, and is not empty.
  func pages(touchedBy range: Range<UInt>) -> Range<Int> {
    Int((range.lowerBound - start) >> pageShift)..<Int((range.upperBound - start - 1) >> pageShift) + 1
  }

  /// The number of pages, of these, that are in memory.
  func presentCount(in pages: Range<Int>) -> Int { Self.count(present, in: pages) }

  /// The bytes of a range of addresses that are in memory. A page that is only partly in the range counts with that
  /// part.
  func presentByteCount(in range: Range<UInt>) -> Int { byteCount(of: present, in: range) }

  /// The same for bytes in swap space.
  func swappedByteCount(in range: Range<UInt>) -> Int { swapped.isEmpty ? 0 : byteCount(of: swapped, in: range) }

  private func byteCount(of bits: [UInt64], in range: Range<UInt>) -> Int {
    guard !range.isEmpty else { return 0 }
    let pages = pages(touchedBy: range)
    let (first, last) = (pages.lowerBound, pages.upperBound - 1)
    if first == last { return Self.isSet(bits, first) ? range.count : 0 }
    var sum = Self.count(bits, in: first + 1..<last) << Int(pageShift)
    if Self.isSet(bits, first) { sum += Int(start + UInt(first + 1) << pageShift - range.lowerBound) }
    if Self.isSet(bits, last) { sum += Int(range.upperBound - start - UInt(last) << pageShift) }
    return sum
  }

  private static func isSet(_ bits: [UInt64], _ page: Int) -> Bool { bits[page >> 6] >> UInt64(page & 63) & 1 != 0 }

  private static func count(_ bits: [UInt64], in pages: Range<Int>) -> Int {
    guard !pages.isEmpty else { return 0 }
    let (first, last) = (pages.lowerBound >> 6, (pages.upperBound - 1) >> 6)
    let fromFirst = UInt64.max << UInt64(pages.lowerBound & 63)
    let toLast = UInt64.max >> UInt64(63 - (pages.upperBound - 1) & 63)
    if first == last { return (bits[first] & fromFirst & toLast).nonzeroBitCount }
    var sum = (bits[first] & fromFirst).nonzeroBitCount + (bits[last] & toLast).nonzeroBitCount
    for word in first + 1..<last { sum += bits[word].nonzeroBitCount }
    return sum
  }
}

/// Bits of a word of `/proc/PID/pagemap`, which has one for each page. Further bits are the number of the page, which
/// the kernel shows to root alone.
package enum PageEntry {
  /// The page is in memory.
  package static var present: UInt64 { 1 << 63 }
  /// The page is in swap space.
  package static var swapped: UInt64 { 1 << 62 }
  /// The page is one of a file, or of shared memory.
  package static var ofFile: UInt64 { 1 << 61 }
  /// No other process has the page.
  package static var exclusive: UInt64 { 1 << 56 }
}
