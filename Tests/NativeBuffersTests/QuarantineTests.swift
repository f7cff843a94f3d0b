// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Testing

@testable import NativeBuffers

@Suite("Quarantine")
struct QuarantineTests {
  private static func count(_ state: EntryState, of arena: Arena) -> Int {
    var count = 0
    Ledger.shared.forEachResource { _, entry in
      if entry.domain == arena.domain.number, entry.word.state == state { count += 1 }
    }
    return count
  }

  @Test("A quarantined block is not used again, makes no difference between the books, and is freed with its arena")
  func holding() async {
    await #expect(processExitsWith: .success) {
      Quarantine.begin(byteLimit: 1 << 20)
      for arena in [Arena.shared, try Arena(name: "own")] {
        var addresses: Set<UInt> = []
        for _ in 0..<100 {
          let buffer = try NativeBuffer(byteCount: 4_096, arena: arena)
          let isNew = try unsafe buffer.withUnsafeBytes { bytes in
            unsafe addresses.insert(UInt(bitPattern: bytes.baseAddress)).inserted && bytes.allSatisfy { $0 == 0 }
          }
          precondition(isNew)
          buffer.dispose()
        }
        precondition(
          QuarantineTests.count(.quarantined, of: arena) == 100 && QuarantineTests.count(.live, of: arena) == 0)
        if !arena.isShared { try arena.destroy() }
      }
      // Beyond the limit, the oldest ones are idle again.
      for _ in 0..<1_000 { try NativeBuffer(byteCount: 4_096).dispose() }
      precondition(
        QuarantineTests.count(.quarantined, of: .shared) == 256 && QuarantineTests.count(.idle, of: .shared) > 0)
      let newest = try NativeBuffer(byteCount: 4_096)
      newest.dispose()
      precondition(newest.block.entry.word.state == .quarantined)
    }
  }

  @Test("After a release, a span reads the filler, and a write through it ends the program with the buffer's line")
  func writing() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      Quarantine.begin(byteLimit: 1 << 20)
      // The compiler of today allows this.
      var kept = MutableSpan<UInt8>()
      do {
        var buffer = try UniqueBuffer(byteCount: 100)
        kept = buffer.mutableSpan
      }
      precondition(kept[7] == Quarantine.filler)
      kept[7] = 1
      for _ in 0..<1_000 { try NativeBuffer(byteCount: 4_096).dispose() }
    }
    let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    #expect(text.contains("byte 7 of the buffer created at NativeBuffersTests/QuarantineTests.swift"), "\(text)")
    #expect(text.contains("was written after the buffer was released"))
  }
}
