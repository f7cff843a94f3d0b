// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import NativeBuffers

/// Create + dispose, and access, on one thread, after a warm-up.
enum CreateFigures {
  static let sizes = [64, 4 << 10, 64 << 10, 512 << 10, 1 << 20, 8 << 20, Size.frame, 64 << 20]

  static func untouched(_ effort: Effort) throws -> [Figure] {
    try sizes.filter(effort.includes).flatMap { byteCount in
      let figures = try figures(
        "create", byteCount,
        [
          CreateAndDispose.uniqueBuffer(byteCount, .untouched), CreateAndDispose.nativeBuffer(byteCount, .untouched),
          CreateAndDispose.malloc(byteCount, .untouched), CreateAndDispose.jemallocMalloc(byteCount, .untouched),
          CreateAndDispose.minimalClass(byteCount, .untouched),
          CreateAndDispose.minimalJemallocClass(byteCount, .untouched),
        ], effort)
      let isLarge = byteCount >= 1 << 20
      let mayKeep = (1 << 20...32 << 20).contains(byteCount)
      var unique = figures[0].compared(with: figures[2], as: "glibc")
      unique.goals = isLarge ? [.atMost(25)] : [.atMost(5), .ratioAtMost(0.125, to: "glibc")]
      var native = figures[1].compared(with: figures[4], as: "class")
      native.goals = [.atMost(isLarge ? 50 : 35), .ratioAtMost(mayKeep ? 1.25 : 1, to: "class")]
      return [unique, native] + figures[2...]
    }
  }

  static func touched(_ effort: Effort) throws -> [Figure] {
    var effort = effort
    effort.samples = max(3, effort.samples / 2)
    return try [8 << 20, Size.frame, 64 << 20].filter(effort.includes).flatMap { byteCount in
      let figures = try figures(
        "touched", byteCount,
        [
          CreateAndDispose.uniqueBuffer(byteCount, .touched), CreateAndDispose.nativeBuffer(byteCount, .touched),
          CreateAndDispose.bareLoop(byteCount), CreateAndDispose.jemallocMalloc(byteCount, .touched),
          CreateAndDispose.malloc(byteCount, .touched),
        ], effort)
      let ours = figures[...1].map { figure in
        var figure = figure.compared(with: figures[2], as: "bare loop").compared(with: figures[3], as: "jemalloc")
        figure.goals = [.noFaults, .ratioAtMost(1.1, to: "bare loop"), .ratioAtMost(0.02, to: "jemalloc")]
        return figure
      }
      return ours + figures[2...]
    }
  }

  /// Compares huge pages with small pages: one byte of each page is written, once in memory that was touched before,
  /// and once in memory that was not.
  static func hugePages(_ effort: Effort) throws -> [Figure] {
    var effort = effort
    effort.samples = max(3, effort.samples / 2)
    return try [Size.frame, 64 << 20].filter(effort.includes).flatMap { byteCount in
      let figures = try figures(
        "huge", byteCount,
        [
          CreateAndDispose.arenaBuffer(byteCount, hugePages: true),
          CreateAndDispose.arenaBuffer(byteCount, hugePages: false),
          CreateAndDispose.freshBuffer(byteCount, hugePages: true),
          CreateAndDispose.freshBuffer(byteCount, hugePages: false),
        ], effort)
      return [
        figures[0].compared(with: figures[1], as: "small pages"), figures[1],
        figures[2].compared(with: figures[3], as: "fresh small pages"), figures[3],
      ]
    }
  }

  static func access(_ effort: Effort) throws -> [Figure] {
    let buffer = try NativeBuffer(byteCount: 4096)
    defer { buffer.dispose() }
    let measured = try measure(
      [
        Access.withBytes(buffer), Access.withMutableBytes(buffer), Access.pin(buffer), Access.pinMutable(buffer),
        Access.uniqueMutableBytes(4096),
      ], effort)
    return measured.map { measurement in
      var figure = measurement.figure("access", measurement.workload.subject)
      figure.goals = [.atMost(6)]
      return figure
    }
  }

  private static func figures(
    _ group: String, _ byteCount: Int, _ workloads: [Workload], _ effort: Effort
  ) throws -> [Figure] {
    try measure(workloads, effort).map { $0.figure(group, "\($0.workload.subject) \(Size.name(byteCount))") }
  }
}
