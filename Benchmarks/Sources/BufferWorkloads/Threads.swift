// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport

/// Runs a closure on `count` new threads at once, with their numbers, and returns when all have ended. An error ends
/// the process, because the figures would mean nothing.
public func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) {
  let box = unsafe Unmanaged.passRetained(ThreadBody(body))
  unsafe bench_run_threads(
    Int32(count),
    { context, index in
      guard let context = unsafe context else { return }
      let box = unsafe Unmanaged<ThreadBody>.fromOpaque(context).takeUnretainedValue()
      do { try box.body(Int(index)) } catch { fatalError("benchmarks: a thread failed: \(error)") }
    }, box.toOpaque())
  unsafe box.release()
}

private final class ThreadBody: Sendable {
  let body: @Sendable (Int) throws -> Void
  init(_ body: @escaping @Sendable (Int) throws -> Void) { self.body = body }
}
