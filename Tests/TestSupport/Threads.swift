// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import Synchronization

/// A thread that runs a closure. It starts at once.
public final class Worker: Sendable {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private let thread: pthread_t
  private let isJoined = Atomic(false)

  @discardableResult
  public init(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let work = unsafe Unmanaged.passRetained(Work(body)).toOpaque()
    let result = unsafe pthread_create(
      &thread, nil,
      { pointer in
        // SAFETY: it was passed, retained, just above.
        if let pointer = unsafe pointer { unsafe Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().body() }
        return nil
      }, work)
    precondition(result == 0, "pthread_create failed with \(result)")
    self.thread = thread
  }

  /// Waits until the thread has ended, and until everything that runs at its end is done. May be called once.
  public func wait() {
    precondition(!isJoined.exchange(true, ordering: .relaxed))
    pthread_join(thread, nil)
  }

  /// If nothing waited for the thread, the kernel frees it when it ends.
  deinit { if !isJoined.load(ordering: .relaxed) { pthread_detach(thread) } }
}

/// Runs a closure on new threads, numbered from 0. Waits until all of them have ended, and until everything that runs
/// at their ends is done.
public func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  let workers = (0..<count).map { number in Worker { body(number) } }
  for worker in workers { worker.wait() }
}

/// Makes an attempt up to 50 times, until it succeeds. For tests that count the open descriptors of their process: the
/// test library opens and closes some of its own, and an attempt may meet one of those.
/// - Parameter attempt: returns 0, or the number of the step that failed.
/// - Returns: what the last attempt returned.
public func untilUndisturbed(_ attempt: () throws -> Int32) rethrows -> Int32 {
  var step: Int32 = 0
  for _ in 0..<50 {
    step = try attempt()
    if step == 0 { break }
    usleep(20_000)
  }
  return step
}

/// For code in an asynchronous context that may block its thread.
public func wait(for semaphore: DispatchSemaphore) { semaphore.wait() }
