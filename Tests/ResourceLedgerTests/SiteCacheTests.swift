// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ResourceLedger

@Suite("The lines that a thread saw last")
struct SiteCacheTests {
  @Test("Every line of two files gets its own number, the same one each time and on each thread")
  func numbers() async {
    // More lines than the table has slots, lines whose numbers share a slot, and lines that have no key.
    let lines: [UInt] = Array(1...200) + [64, 128, 1 << 17 - 1, 1 << 17, 1 << 17 + 1, 1_000_000]
    func numbers() -> [SiteID] {
      var numbers: [SiteID] = []
      for line in lines {
        numbers.append(SiteCache.site(file: #fileID, line: line, function: "f()"))
        numbers.append(SiteCache.site(file: "Another/File.swift", line: line, function: "f()"))
        numbers.append(SiteCache.site(file: "F", line: line, function: "f()"))
      }
      return numbers
    }
    let first = numbers()
    #expect(numbers() == first)
    #expect(await Task.detached { numbers() }.value == first)
    #expect(Set(first).count == 3 * 204)
    for (index, file) in ["ResourceLedgerTests/SiteCacheTests.swift", "Another/File.swift", "F"].enumerated() {
      #expect(Ledger.shared.site(first[index]) == Site(file: file, line: 1, function: "f()"))
    }
  }
}
