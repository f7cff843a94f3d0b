// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import Synchronization

// When the maintenance thread wakes, and what it does then.

extension Maintenance {
  /// Microseconds to wait after a wake-up, so that one pass serves all calls of that time.
  private static let gatheringTime: UInt32 = 1_000

  /// What the thread does. No process is forked while it works, and it does nothing but sleep at any other time.
  static func run(_ thread: Thread) {
    ForkGuard.beginWork()
    defer { ForkGuard.endWork() }
    var requests = RequestAnswers(thread.request)
    // The thread reads /proc/self/statm. A program that closes descriptors that it does not know (`closefrom`) could
    // close that file and open another one under its number, and this thread would then close the program's file. So
    // the thread leaves the process's table. The ledger has all the room that the thread needs by now: growing a ledger
    // that lies in a named file takes its descriptor.
    _ = history.value
    _ = cnativeruntime_separate_descriptors()
    var seconds = Seconds()
    defer { seconds.end() }
    var nextPass: UInt64?
    while true {
      let deadline = earlier(nextPass, earlier(seconds.next, requests.nextLook))
      let watched = requests.watched
      ForkGuard.endWork()
      let reason = thread.wakeup.wait(until: deadline, watching: watched)
      if reason == .called { usleep(gatheringTime) }
      ForkGuard.beginWork()
      if reason == .called { thread.wakeup.reset() }
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
