// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import LedgerReading
import NativeBuffers
import ResourceLedger
import TestSupport

/// Allocates buffers and touches their halves, disposes them, trims, and purges.
enum ResidencyTrial {
  static let largeCount = 64
  static let largeByteCount = 1 << 20
  static let smallCount = 1_000
  /// A block for so many bytes has 128.
  static let smallByteCount = 100
  static let mallocByteCount = 10 << 20

  /// What the process has after a step.
  struct State: Codable {
    var step: String
    var blocks: [MemoryBlock]
    var allocator: AllocatorMemory
    var ledger: Range<UInt>
  }

  static func run() throws {
    let arena = try Arena(
      name: "residency",
      configuration: .init(dirtyDecay: nil, muzzyDecay: nil, idleByteLimit: 1 << 30, idleTime: nil))
    let outside = OutsideMemory(byteCount: mallocByteCount)
    try tell("nothing", arena)
    var buffers: [NativeBuffer] = []
    for _ in 0..<largeCount {
      // Without 1,000 bytes of the size class.
      let buffer = try NativeBuffer(uninitializedByteCount: largeByteCount - 1_000, arena: arena)
      try touch(buffer, largeByteCount / 2)
      buffers.append(buffer)
    }
    for _ in 0..<smallCount {
      let buffer = try NativeBuffer(uninitializedByteCount: smallByteCount, arena: arena)
      try touch(buffer, smallByteCount)
      buffers.append(buffer)
    }
    try tell("live", arena)
    for buffer in buffers { buffer.dispose() }
    try tell("disposed", arena)
    arena.trim()
    try tell("trimmed", arena)
    try arena.purge()
    try tell("purged", arena)
    withExtendedLifetime(outside) {}
  }

  private static func touch(_ buffer: NativeBuffer, _ byteCount: Int) throws {
    try unsafe buffer.withUnsafeMutableBytes { bytes in
      for offset in stride(from: 0, to: byteCount, by: 64) { unsafe bytes[offset] = 1 }
    }
  }

  private static func tell(_ step: String, _ arena: Arena) throws {
    let state = State(
      step: step, blocks: MemoryBlock.all(in: .shared), allocator: try allocatorMemory(of: arena),
      ledger: Ledger.shared.addressRange)
    LedgerTrials.pause(String(decoding: try JSONEncoder().encode(state), as: UTF8.self))
  }

  /// What jemalloc and `malloc` say, if the process has this arena alone.
  static func allocatorMemory(of arena: Arena) throws -> AllocatorMemory {
    let counts = try arena.counts()
    let process = try Arena.readProcessCounts()
    return AllocatorMemory(
      allocated: counts.byteCount, active: counts.active, dirty: counts.dirty, muzzy: counts.muzzy,
      retained: counts.retained, metadata: process.metadata, mallocName: ProcessMalloc.fileName,
      mallocAllocated: ProcessMalloc.owner == .jemalloc
        ? process.allocated - counts.byteCount : ProcessMalloc.allocatedByGlibc)
  }
}

/// Memory of `malloc`, touched: half of it in one block, and half of it in small blocks that a second thread allocated,
/// and which glibc takes from a heap for this thread. The thread lives until the end of the process.
private struct OutsideMemory {
  private let worker: Worker

  init(byteCount: Int) {
    let gate = Gate()
    worker = Worker {
      let pieces = (0..<byteCount / 2 / 1_024).map { _ in [UInt8](repeating: 1, count: 1_024 - 48) }
      let whole = [UInt8](repeating: 1, count: byteCount / 2)
      gate.pass()
      withExtendedLifetime((pieces, whole)) { while true { pause() } }
    }
    gate.pass()
  }
}
