// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport

/// Allocates 2 GiB in large buffers, disposes them, and begins again, without end. The memory is not touched.
enum BurstTrial {
  static let count = 128
  static let byteCount = 16 << 20

  static func run() throws {
    let gate = Gate()
    Worker {
      var isFirst = true
      while true {
        var buffers: [NativeBuffer] = []
        for index in 0..<count {
          guard let buffer = try? NativeBuffer(uninitializedByteCount: byteCount) else { fatalError("no memory") }
          buffers.append(buffer)
          guard isFirst, index == count / 2 else { continue }
          gate.pass()
          isFirst = false
        }
        for buffer in buffers { buffer.dispose() }
      }
    }
    gate.pass()
    while true { LedgerTrials.pause("bursting") }
  }
}
