// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport

/// Creates and disposes buffers on two threads, without end.
enum ChurnTrial {
  static let threadCount = 2
  /// How many buffers a thread has. It replaces one after the other.
  static let slotCount = 400
  static let file = "ledger_trials/ChurnTrial.swift"
  /// Buffers of which size each line creates. Nothing is created on other lines.
  static let byteCounts: [UInt: Int] = [1_001: 100, 1_002: 1_000, 1_003: 5_000, 1_004: 20_000]

  /// Says on request how many buffers were disposed so far.
  static func run() throws {
    let disposed = Counter()
    let gate = Gate(threads: threadCount + 1)
    for _ in 0..<threadCount {
      Worker {
        let kinds = byteCounts.sorted { $0.key < $1.key }
        func make(_ slot: Int) -> NativeBuffer? {
          let kind = kinds[slot % kinds.count]
          return try? NativeBuffer(uninitializedByteCount: kind.value, line: kind.key)
        }
        var slots = (0..<slotCount).map(make)
        gate.pass()
        while true {
          for slot in slots.indices {
            slots[slot]?.dispose()
            disposed.add()
            slots[slot] = make(slot)
          }
        }
      }
    }
    gate.pass()
    while true { LedgerTrials.pause("\(disposed.value)") }
  }
}
