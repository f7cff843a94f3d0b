// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport

/// Work that is measured. One call does it many times in one loop. The loop itself allocates nothing.
public struct Workload: Sendable {
  /// The type that is created, or the function that is called: `UniqueBuffer`, `malloc`, …
  public let subject: String
  /// Where its memory comes from, see ``Memory``.
  public let memory: Memory
  public let run: @Sendable (_ times: Int) throws -> Void

  public init(_ subject: String, memory: Memory, run: @escaping @Sendable (_ times: Int) throws -> Void) {
    self.subject = subject
    self.memory = memory
    self.run = run
  }
}

/// Where a row's memory comes from. Each row names it.
public enum Memory: String, Sendable {
  /// This library: an arena of its own in jemalloc.
  case arena = "jemalloc arena"
  /// The process's malloc: glibc's, with default settings.
  case processMalloc = "malloc=glibc"
  /// jemalloc's malloc, with default settings.
  case jemallocMalloc = "malloc=jemalloc"
  /// The kernel, without an allocator.
  case kernel = "kernel"
  /// Memory allocated once, before the measurement.
  case none = "none"

  /// Traps if the process's malloc is not glibc's, because the rows would then be labelled wrongly.
  public static func checkProcessMalloc() {
    guard bench_malloc_is_glibc() else {
      fatalError("benchmarks: malloc is not glibc's here; every row would be labelled wrongly")
    }
  }
}

/// Sizes in bytes, with their names.
public enum Size {
  /// A frame of 3840 × 2160 RGBA pixels.
  public static let frame = 33_177_600

  public static func name(_ byteCount: Int) -> String {
    if byteCount == frame { return "33177600 B" }
    if byteCount >= 1 << 20, byteCount % (1 << 20) == 0 { return "\(byteCount >> 20) MiB" }
    if byteCount >= 1 << 10, byteCount % (1 << 10) == 0 { return "\(byteCount >> 10) KiB" }
    return "\(byteCount) B"
  }
}

/// What is done with the memory between creation and disposal.
public enum Use: String, Sendable, CaseIterable {
  case untouched
  /// One byte is written in each page of 4 KiB.
  case touched
}

/// Lets an object escape: otherwise the optimiser may put the object on the stack or remove it. This adds no reference
/// to the object, because the cost of that reference would be measured, too.
@inline(__always)
public func keepAlive(_ object: AnyObject) { unsafe bench_sink(Unmanaged.passUnretained(object).toOpaque()) }
