// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import LedgerReading

@Suite("Pages in memory")
struct PresentPagesTests {
  private static let page: UInt = 4_096
  private static let own = PageEntry.present | PageEntry.exclusive

  /// Pages from address 16 pages on, one for each word.
  private static func pages(_ entries: [UInt64]) -> PresentPages {
    var pages = PresentPages(range: 16 * page..<(16 + UInt(entries.count)) * page, pageByteCount: Int(page))
    for (index, entry) in entries.enumerated() { pages.set(index, to: entry) }
    return pages
  }

  @Test("Bytes in memory are those that a count of each byte's page gives, for random ranges")
  func counts() {
    let seed: UInt64 = 20_261_130
    var random = SeededGenerator(seed: seed)
    let entries = (0..<300).map { _ -> UInt64 in
      [0, Self.own, PageEntry.swapped, PageEntry.present | PageEntry.ofFile].randomElement(using: &random) ?? 0
    }
    let pages = Self.pages(entries)
    #expect(pages.presentCount == entries.count { $0 & PageEntry.present != 0 })
    for _ in 0..<2_000 {
      let start = UInt.random(in: 0...300 * Self.page, using: &random)
      let range = 16 * Self.page + start..<16 * Self.page + .random(in: start...300 * Self.page, using: &random)
      func expected(_ bit: UInt64) -> Int {
        (0..<300).reduce(0) { sum, index in
          let start = (16 + UInt(index)) * Self.page
          let overlap = range.clamped(to: start..<start + Self.page)
          return entries[index] & bit != 0 ? sum + overlap.count : sum
        }
      }
      #expect(pages.presentByteCount(in: range) == expected(PageEntry.present), "seed \(seed), \(range)")
      #expect(pages.swappedByteCount(in: range) == expected(PageEntry.swapped), "seed \(seed), \(range)")
    }
  }

  @Test("Pages that are not exclusive are zeros if the kernel does not count most of them as resident")
  func zeros() {
    let maybeZero = PageEntry.present
    let entries = [Self.own, maybeZero, maybeZero, Self.own, maybeZero]
    func present(_ residentPages: Int) -> [Int] {
      var pages = Self.pages(entries)
      pages.forgetZeros(residentByteCount: residentPages * Int(Self.page))
      let present = entries.indices.filter { pages.presentCount(in: $0..<$0 + 1) == 1 }
      #expect(pages.presentCount == present.count)
      return present
    }
    #expect(present(5) == [0, 1, 2, 3, 4])
    #expect(present(2) == [0, 3])
    // A page came, or went, after the kernel counted.
    #expect(present(4) == [0, 1, 2, 3, 4])
    #expect(present(6) == [0, 1, 2, 3, 4])
    #expect(present(3) == [0, 3])
    #expect(present(1) == [0, 3])
  }
}
