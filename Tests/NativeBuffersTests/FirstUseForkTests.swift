// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import TestSupport
import Testing

@testable import NativeBuffers

@Suite(
  "Fork during the first use",
  .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive a fork under ThreadSanitizer"))
struct FirstUseForkTests {
  @Test("If a process forks while a thread is in the middle of a first use, the child can use the result")
  func heldFirstUse() async {
    await #expect(processExitsWith: .success) {
      // A first use, and everything that it leads to, stops at each step until the forking thread sleeps. That means
      // that it waits for the first use, because it does not sleep at any other time before the fork.
      unsafe ForkGuard.onFirstUse = {
        FirstUse.hasBegun.set()
        while ThreadStatus.of(getpid())["State"] != "S (sleeping)" { sched_yield() }
      }
      for number in FirstUse.all.indices {
        // Each runs in a process of its own, in which nothing was used before.
        let round = Forking.fork()
        if round == 0 {
          let thread = Worker { _ = FirstUse.all[number]() }
          FirstUse.hasBegun.wait()
          let child = Forking.fork()
          if child == 0 { _exit(FirstUse.all[number]() ? 0 : 1) }
          let status = Forking.status(of: child)
          thread.wait()
          _exit(status == 0 ? 0 : 1)
        }
        #expect(Forking.status(of: round) == 0, "first use \(number)")
      }
    }
  }

  @Test("If a process has not used the library before a fork, the fork makes no ledger, and the child is not special")
  func nothingUsed() async {
    await #expect(processExitsWith: .success) {
      unsafe ForkGuard.onFirstUse = { _exit(1) }
      let child = Forking.fork()
      if child == 0 { _exit(!ForkGuard.isForkedChild && MaintenanceThread.isEnabled ? 0 : 1) }
      exit(Forking.status(of: child) == 0 ? EXIT_SUCCESS : EXIT_FAILURE)
    }
  }

  @Test("Every lazy static is made before main")
  func staticsBeforeMain() async {
    await #expect(processExitsWith: .success) {
      let tokens = OnceTokens.all()
      // Names are compared with the end of the mangled name: its length and the name.
      let late = [
        // A child cannot use this, because Dispatch does not run there.
        "10FlushQueueO6shared",
        // This static belongs to the tests of bitmaps.
        "12BitmapsTests",
      ]
      let unmade = tokens.filter { token in !token.isDone && !late.contains { token.name.contains($0) } }.map(\.name)
      #expect(tokens.count >= 30)
      #expect(unmade == [])
      // This one makes sure that the test can fail.
      #expect(tokens.contains { !$0.isDone })
    }
  }
}

private enum FirstUse {
  static let hasBegun = Flag()

  /// The closures do nothing else: at the first use of another type, Swift's runtime would also make something, and
  /// the library does not protect that.
  static let all: [@Sendable () -> Bool] = [
    { Ledger.shared.entryCapacity > 0 },
    { Arena.shared.isShared },
  ]
}
