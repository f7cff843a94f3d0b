import Glibc
import JemallocArenas
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite(
  "Fork during the first use",
  .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive a fork under ThreadSanitizer"))
struct FirstUseForkTests {
  @Test("A child forked while another thread is inside each step of the first use goes on")
  func heldFirstUse() async {
    await #expect(processExitsWith: .success) {
      // Steps: the ledger, the statistics' keys, the shared arena; each is held open for 50 ms.
      unsafe ForkGuard.onFirstUse = {
        FirstUse.steps.add(1, ordering: .releasing)
        usleep(50_000)
      }
      for step in 1...3 {
        // Each round has a process of its own, in which nothing was used.
        let round = Forking.fork()
        if round == 0 {
          alarm(20)
          let thread = FirstUse.begin()
          while FirstUse.steps.load(ordering: .acquiring) < step { usleep(100) }
          _exit(FirstUse.forkedChildSucceeds() && FirstUse.end(thread) ? 0 : 1)
        }
        if !FirstUse.succeeded(round) { exit(EXIT_FAILURE) }
      }
      exit(EXIT_SUCCESS)
    }
  }

  @Test("A child forked at any moment of the first use goes on, and so does the parent")
  func anyMoment() async {
    await #expect(processExitsWith: .success) {
      for delay in 0..<100 {
        let round = Forking.fork()
        if round == 0 {
          alarm(20)
          let thread = FirstUse.begin()
          let start = Monotonic.now
          while Monotonic.now < start + UInt64(delay) * 30_000 {}
          _exit(FirstUse.forkedChildSucceeds() && FirstUse.end(thread) ? 0 : 1)
        }
        if !FirstUse.succeeded(round) {
          print("forked after \(delay * 30) microseconds")
          exit(EXIT_FAILURE)
        }
      }
      exit(EXIT_SUCCESS)
    }
  }

  @Test("A process that uses nothing has no ledger, and neither has its child")
  func nothingUsed() async {
    await #expect(processExitsWith: .success) {
      unsafe ForkGuard.onFirstUse = { _exit(1) }
      let child = Forking.fork()
      if child == 0 { _exit(0) }
      exit(FirstUse.succeeded(child) ? EXIT_SUCCESS : EXIT_FAILURE)
    }
  }

  @Test("Every lazy static is made before main, but for those behind the gate")
  func staticsBeforeMain() async {
    await #expect(processExitsWith: .success) {
      let tokens = OnceTokens.all()
      // By the end of the mangled name: length and name.
      let late = [
        // Behind the gate.
        "10madeShared", "10madeDomain", "6madeID", "10madeCommon", "15ArenaStatisticsV6shared",
        // Of no use to a child: Dispatch stands still there.
        "10FlushQueueO6shared",
      ]
      var unmade: [String] = []
      for token in tokens where !token.isDone && !late.contains(where: { token.name.contains($0) }) {
        unmade.append(token.name)
      }
      if tokens.count < 30 || !unmade.isEmpty {
        print("\(tokens.count) statics; not made before main: \(unmade)")
        exit(EXIT_FAILURE)
      }
      exit(EXIT_SUCCESS)
    }
  }
}

private enum FirstUse {
  static let steps = Atomic<Int>(0)

  /// Starts a thread that uses the library.
  static func begin() -> pthread_t {
    var thread = pthread_t()
    let result = unsafe pthread_create(
      &thread, nil,
      { _ in
        for byteCount in [64, 5_000, 3 << 20] { _ = try? NativeBuffer(byteCount: byteCount).dispose() }
        return nil
      }, nil)
    precondition(result == 0)
    return thread
  }

  static func end(_ thread: pthread_t) -> Bool { pthread_join(thread, nil) == 0 }

  /// Forks; the child makes and disposes buffers within 10 s.
  static func forkedChildSucceeds() -> Bool {
    let child = Forking.fork()
    if child == 0 {
      alarm(10)
      for byteCount in [64, 5_000, 3 << 20] {
        guard (try? NativeBuffer(byteCount: byteCount).dispose()) == true else { _exit(1) }
      }
      _exit(0)
    }
    return succeeded(child)
  }

  static func succeeded(_ child: pid_t) -> Bool {
    var status: Int32 = -1
    return unsafe waitpid(child, &status, 0) == child && status == 0
  }
}
