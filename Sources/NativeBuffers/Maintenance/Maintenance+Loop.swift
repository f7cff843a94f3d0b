// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import Synchronization

// When the maintenance thread wakes, and what it does then.

extension Maintenance {
  /// Microseconds to wait after a wake-up, so that one pass serves all calls of that time.
  private static let gatheringTime: UInt32 = 1_000

  static func run(_ thread: Thread) {
    var requests = RequestAnswers(thread.request)
    var seconds = Seconds()
    defer { seconds.end() }
    var nextPass: UInt64?
    while true {
      let deadline = earlier(nextPass, earlier(seconds.next, requests.nextLook))
      let reason = thread.wakeup.wait(until: deadline, watching: requests.watched)
      if reason == .called {
        usleep(gatheringTime)
        thread.wakeup.reset()
      }
      if thread.isStopping.load(ordering: .sequentiallyConsistent) { return }
      let now = MonotonicClock.now
      requests.look(at: now, wasWoken: reason == .foreignWord)
      if reason == .called || now >= nextPass ?? .max {
        nextPass = pass(at: now)
        passCount.add(1, ordering: .relaxed)
      }
      if reason == .called || now >= seconds.next ?? .max { seconds.look(at: now) }
      hasNothingToDo.store(nextPass == nil && seconds.next == nil, ordering: .relaxed)
    }
  }

  /// The earlier of two times, of which there may be none.
  private static func earlier(_ a: UInt64?, _ b: UInt64?) -> UInt64? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
  }
}
