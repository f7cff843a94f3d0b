// SPDX-License-Identifier: Apache-2.0

// Prints from which size on a bridge without a copy is faster than a copy, in about 20 s. Each row creates a buffer,
// makes the other value of it, and releases both; or the other way round. So all figures have the same costs besides.

import Foundation
import NIOCore
import NativeBuffers
import NativeBuffersFoundation
import NativeBuffersNIO

/// Nanoseconds of one call: the median of nine runs of about 10 ms.
func measure(_ byteCount: Int, _ body: () throws -> Int) rethrows -> Double {
  let count = max(20, 200_000 / (1 + byteCount / 1_024))
  let clock = ContinuousClock()
  var times: [Double] = []
  for _ in 0..<9 {
    var sum = 0
    let time = try clock.measure { for _ in 0..<count { sum &+= try body() } }
    precondition(sum == count &* byteCount)
    times.append(Double(time.components.attoseconds) / 1e9 / Double(count) + Double(time.components.seconds) * 1e9)
  }
  return times.sorted()[4]
}

func row(_ byteCount: Int) throws {
  let (bytes, data) = (ByteBuffer(repeating: 7, count: byteCount), Data(repeating: 7, count: byteCount))
  let native = ByteBufferAllocator.native
  let figures = try [
    measure(byteCount) { try ByteBuffer(takingOver: NativeBuffer(uninitializedByteCount: byteCount)).readableBytes },
    measure(byteCount) {
      let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
      defer { buffer.dispose() }
      return try ByteBuffer(buffer).readableBytes
    },
    measure(byteCount) {
      let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
      defer { buffer.dispose() }
      return try ByteBuffer(buffer, allocator: native).readableBytes
    },
    measure(byteCount) {
      let buffer = try NativeBuffer(sharing: bytes)
      defer { buffer.dispose() }
      return buffer.byteCount
    },
    measure(byteCount) {
      let buffer = try NativeBuffer(copying: bytes)
      defer { buffer.dispose() }
      return buffer.byteCount
    },
    measure(byteCount) { try Data(takingOver: NativeBuffer(uninitializedByteCount: byteCount)).count },
    measure(byteCount) {
      let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
      defer { buffer.dispose() }
      return try Data(buffer).count
    },
    measure(byteCount) {
      let buffer = try NativeBuffer(sharing: data)
      defer { buffer.dispose() }
      return buffer.byteCount
    },
    measure(byteCount) {
      let buffer = try NativeBuffer(copying: data)
      defer { buffer.dispose() }
      return buffer.byteCount
    },
  ]
  print(([byteCount.formatted()] + figures.map { String(format: "%.0f", $0) }).joined(separator: " | "))
}

print("Nanoseconds. bytes | to ByteBuffer: takingOver | copy | copy, native allocator | from ByteBuffer: sharing")
print("| copying | to Data: takingOver | copy | from Data: sharing | copying")
for power in [6, 10, 12, 13, 14, 15, 16, 18, 20, 22] { try row(1 << power) }
