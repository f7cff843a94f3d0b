// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import NativeBuffers

@Suite("The process's malloc") struct ProcessMallocTests {
  @Test(
    "After a while, glibc's count is asked for again, and has what was allocated meanwhile",
    .enabled(if: ProcessMalloc.owner == .glibc, "needs glibc's malloc"))
  func counted() throws {
    let before = try #require(Self.nextCount { $0 != nil })
    // This is larger than anything that other tests take and give back meanwhile.
    let byteCount = 1 << 30
    let memory = unsafe malloc(byteCount)
    defer { unsafe free(memory) }
    // SAFETY: used only for this byte, without which the compiler would leave the allocation out.
    if let memory = unsafe memory { unsafe memory.storeBytes(of: 1, as: UInt8.self) }
    let after = try #require(Self.nextCount { ($0 ?? 0) > before + byteCount / 2 })
    #expect(after > before + byteCount / 2)
  }

  /// Asks for the count until it is as expected, or until it was asked for so often that it must have been renewed.
  private static func nextCount(until isWanted: (Int?) -> Bool) -> Int? {
    var count: Int?
    for _ in 0..<1_000 {
      count = ProcessMalloc.allocatedByGlibc
      if isWanted(count) { break }
      usleep(10_000)
    }
    return count
  }

  @Test("The file of malloc is named without its folder") func file() {
    #expect(!ProcessMalloc.fileName.isEmpty && !ProcessMalloc.fileName.contains("/"))
  }
}
