// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Runs a closure on new threads, numbered from 0. Waits until all of them have ended, and until everything that runs
/// at their ends is done.
public func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Work {
    let number: Int
    let body: @Sendable (Int) -> Void
    init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.number = number
      self.body = body
    }
  }
  let threads = (0..<count).map { number in
    var thread = pthread_t()
    let work = unsafe Unmanaged.passRetained(Work(number, body)).toOpaque()
    let result = unsafe pthread_create(
      &thread, nil,
      { pointer in
        if let pointer = unsafe pointer {
          let work = unsafe Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
          work.body(work.number)
        }
        return nil
      }, work)
    precondition(result == 0, "pthread_create failed with \(result)")
    return thread
  }
  for thread in threads { pthread_join(thread, nil) }
}
