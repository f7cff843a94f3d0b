// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import ResourceLedger

@Suite("The index of sites")
struct SiteIndexTests {
  @Test("Lines of few files are spread over the table, so a search looks at few slots")
  func spread() throws {
    let index = try SiteIndex(siteCapacity: 4_096)
    let files: [StaticString] = [
      "Module/One.swift", "Module/Another.swift", "Module/OneMore.swift", "Module/Last.swift",
    ]
    var keys: [UInt64] = []
    for file in files { for line in 1...1_024 { keys.append(SiteIndex.key(file: file, line: UInt(line))) } }
    for (number, key) in keys.enumerated() { index.add(key, site: SiteID(rawValue: UInt32(number + 1))) }
    // The table is half full. If the keys were spread at random, a search would look at 1.5 slots on the average.
    let probes = keys.map(index.probeCount)
    #expect(probes.reduce(0, +) <= 2 * keys.count)
    #expect(try #require(probes.max()) <= 64)
    for (number, key) in keys.enumerated() { #expect(index.site(for: key)?.rawValue == UInt32(number + 1)) }
  }

  @Test("If the index is three quarters full, it takes no more keys, and still finds those that it has")
  func full() throws {
    let index = try SiteIndex(siteCapacity: 64)
    let keys = (1...128).map { SiteIndex.key(file: #fileID, line: UInt($0)) }
    for (number, key) in keys.enumerated() { index.add(key, site: SiteID(rawValue: UInt32(number + 1))) }
    let found = keys.map { index.site(for: $0)?.rawValue }
    #expect(found == (1...96).map { UInt32($0) } + Array(repeating: nil, count: 32))
  }

  @Test("A line that is too large for a key has no key")
  func largeLine() {
    #expect(SiteIndex.key(file: #fileID, line: 131_071) != 0)
    #expect(SiteIndex.key(file: #fileID, line: 131_072) == 0)
  }
}
