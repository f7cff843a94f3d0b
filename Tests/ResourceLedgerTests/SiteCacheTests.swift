// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import ResourceLedger

@Suite("The lines that a thread used last")
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

  @Test("If the ledger has no room for a line, each resource that the line creates is counted")
  func unrecorded() async {
    await #expect(processExitsWith: .exitCode(0)) {
      // The process's ledger has room for few lines if the process may map little.
      func limitAddressSpace(to byteCount: Int) {
        var limit = rlimit(rlim_cur: rlim_t(byteCount), rlim_max: rlim_t(byteCount))
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { exit(1) }
      }
      limitAddressSpace(to: 1 << 46)
      guard let left = ProcessMemory.reservableByteCount else { exit(2) }
      limitAddressSpace(to: (1 << 46) - left + (512 << 20))
      let ledger = Ledger.shared
      guard ledger.layout.sites.capacity < 1 << 17 else { exit(3) }
      for line in 1..<ledger.layout.sites.capacity {
        _ = SiteCache.site(file: #fileID, line: UInt(line), function: "f()")
      }
      guard ledger.unrecordedCount == 0 else { exit(4) }
      for count in 1...3 {
        guard SiteCache.site(file: "Another/File.swift", line: 7, function: "f()") == .unknown else { exit(5) }
        guard ledger.unrecordedCount == count else { exit(6) }
      }
    }
  }
}
