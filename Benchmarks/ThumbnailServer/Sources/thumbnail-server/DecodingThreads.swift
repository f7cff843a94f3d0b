// SPDX-License-Identifier: Apache-2.0

import NIOPosix

/// Threads for work that takes milliseconds: neither the event loops nor Swift's own threads wait for it.
///
/// As a task executor, it runs a part of the request's own task. So that part is in the scope of the request, and ends
/// early if the task is cancelled.
final class DecodingThreads: TaskExecutor {
  private let pool: NIOThreadPool

  init(count: Int) {
    pool = NIOThreadPool(numberOfThreads: count)
    pool.start()
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    // A job must run even if the pool is shutting down: a task waits for it.
    pool.submit { _ in unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  /// Runs a closure on one of the threads; waits until one is free.
  func run<R: Sendable>(_ work: () throws -> R) async throws -> R {
    try await withTaskExecutorPreference(self) { try work() }
  }

  func shutDown() async throws { try await pool.shutdownGracefully() }
}
