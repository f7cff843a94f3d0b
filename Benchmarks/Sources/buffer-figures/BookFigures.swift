// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport
import Glibc
import LeakAuditing
import NativeBuffers

/// The time of an audit, the memory that the books take, and the memory that stays after a burst.
enum BookFigures {
  static func audit(_ effort: Effort) throws -> [Figure] {
    let count = 1_000_000
    let before = bench_resident_bytes()
    var live: LiveBuffers? = try LiveBuffers(count: count, byteCount: 64)
    let handles = UInt64(count * MemoryLayout<UniqueBuffer>.stride)
    // The buffers' own memory was never written, so only the books and the handles are resident.
    let books = Double(bench_resident_bytes() - before - handles) / Double(count)
    _ = try LeakAuditor.audit()
    let samples = try (0..<effort.samples).map { _ in
      let start = bench_nanoseconds()
      let report = try LeakAuditor.audit()
      let elapsed = Double(bench_nanoseconds() - start) / 1e6
      guard report.verdict != .faults else { fatalError("benchmarks: the audit found faults in its own setup") }
      return elapsed
    }
    withExtendedLifetime(live) {}
    live = nil
    return [
      Figure(
        group: "audit", row: "audit of 1000000 live buffers", memory: .arena, median: middle(of: samples),
        minimum: samples.min() ?? 0, unit: .milliseconds, goals: [.atMost(10)]),
      Figure(
        group: "audit", row: "resident bytes per live block, beside its memory", memory: .arena, median: books,
        minimum: books, unit: .bytes, goals: [.atMost(68)]),
      try objects(count),
    ]
  }

  /// The memory of the class objects. The buffers use blocks and entries that the earlier buffers left, so only the
  /// objects need new memory.
  private static func objects(_ count: Int) throws -> Figure {
    var buffers: [NativeBuffer?] = Array(repeating: nil, count: count)
    let before = bench_resident_bytes()
    for index in buffers.indices { buffers[index] = try NativeBuffer(uninitializedByteCount: 64) }
    let bytes = (Double(bench_resident_bytes()) - Double(before)) / Double(count)
    for buffer in buffers { buffer?.dispose() }
    return Figure(
      group: "audit", row: "resident bytes per NativeBuffer object", memory: .processMalloc, median: bytes,
      minimum: bytes, unit: .bytes)
  }

  /// Creates 100 frames, writes all of them, and disposes them. Then the figures say by how much the resident set is
  /// larger than before, at several times. All this is done twice: the first burst leaves jemalloc's map of the
  /// addresses behind, and the second burst does not add to it.
  static func burst(_ effort: Effort) throws -> [Figure] {
    try CreateAndDispose.uniqueBuffer(64, .touched).run(1)
    return try burst("100 frames") + burst("100 more frames")
  }

  private static func burst(_ frames: String) throws -> [Figure] {
    let before = Double(bench_resident_bytes())
    do {
      let frames = try LiveBuffers(count: 100, byteCount: Size.frame)
      frames.touchAll()
    }
    return [0, 1, 2, 5, 10, 15].reduce(into: (figures: [Figure](), waited: 0)) { result, seconds in
      usleep(UInt32(seconds - result.waited) * 1_000_000)
      let growth = (Double(bench_resident_bytes()) - before) / before * 100
      result.waited = seconds
      result.figures.append(
        Figure(
          group: "burst", row: "resident set \(seconds) s after \(frames), beyond before", memory: .arena,
          median: growth, minimum: growth, unit: .percent, goals: seconds >= 15 ? [.atMost(2)] : []))
    }.figures
  }
}
