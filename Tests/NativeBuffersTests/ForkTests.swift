// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeSynchronization
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("After fork")
struct ForkTests {
  @Test(
    "A child that is forked while other threads hold locks has its own books and can use all locks",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive it under ThreadSanitizer"))
  func fork() throws {
    let arena = try Arena(name: "fork", configuration: .init(idleByteLimit: 0))
    let kept = try NativeBuffer(byteCount: 1_000, arena: arena) { $0.append(UInt8(5)) }
    let isDone = Flag()
    let statuses = Guarded<[Int32]>([])
    onThreads(2) { thread in
      if thread == 0 {
        // Every one of these takes the arena's lock, because idle blocks are not kept.
        while !isDone.isSet {
          _ = try? NativeBuffer(byteCount: 20_000, arena: arena).dispose()
        }
        return
      }
      for _ in 0..<50 {
        let child = Forking.fork()
        if child == 0 { Self.runChild(arena, kept) }
        let status = Forking.status(of: child)
        statuses.withLock { $0.append(status) }
      }
      isDone.set()
    }
    #expect(statuses.withLock { $0 } == Array(repeating: 0, count: 50))
    #expect(kept.dispose())
    try arena.destroy()
  }

  @Test(
    "A child can use the idle blocks of the parent's threads, which it does not have itself",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive it under ThreadSanitizer"))
  func orphans() async {
    await #expect(processExitsWith: .success) {
      let isKept = DispatchSemaphore(value: 0)
      let isForked = DispatchSemaphore(value: 0)
      let owner = Worker {
        let buffers = (0..<3).compactMap { _ in try? NativeBuffer(uninitializedByteCount: 300_000) }
        for buffer in buffers { buffer.dispose() }
        isKept.signal()
        isForked.wait()
      }
      wait(for: isKept)
      #expect(Arena.shared.depot.idleByteCount == 0)
      let child = Forking.fork()
      if child == 0 {
        Arena.shared.trim(keeping: .max)
        _exit(Arena.shared.depot.idleByteCount == 3 * 320 << 10 ? 0 : 1)
      }
      #expect(Forking.status(of: child) == 0)
      isForked.signal()
      owner.wait()
    }
  }

  @Test(
    "A fork waits until the library's own thread has ended its work, which uses the locks of Swift's runtime",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive it under ThreadSanitizer"))
  func ownThread() async {
    await #expect(processExitsWith: .success) {
      // No other thread does such work here.
      MaintenanceThread.turnOff()
      let (isWorking, isDone) = (Flag(), Flag())
      // This is not the process's first thread, which sleeps all the time.
      let forkingThread = ThreadStatus.ownID
      let worker = Worker {
        ForkGuard.beginWork()
        isWorking.set()
        // The forking thread sleeps at no other time before the fork.
        while ThreadStatus.of(forkingThread)["State"] != "S (sleeping)" { sched_yield() }
        isDone.set()
        ForkGuard.endWork()
      }
      isWorking.wait()
      let child = Forking.fork()
      if child == 0 {
        guard isDone.isSet else { _exit(1) }
        ForkGuard.beginWork()
        ForkGuard.endWork()
        _exit(0)
      }
      #expect(Forking.status(of: child) == 0)
      worker.wait()
    }
  }

  @Test("The maintenance thread does not work while another thread has said that it works")
  func maintenance() async throws {
    await #expect(processExitsWith: .success) {
      let buffer = try NativeBuffer(byteCount: 1_000)
      ThreadStatus.wait("the first pass") { Maintenance.passCount.load(ordering: .relaxed) > 0 }
      ForkGuard.beginWork()
      let before = Maintenance.passCount.load(ordering: .relaxed)
      Maintenance.call()
      usleep(50_000)
      guard Maintenance.passCount.load(ordering: .relaxed) == before else { fatalError("it has made a pass") }
      ForkGuard.endWork()
      ThreadStatus.wait("the next pass") { Maintenance.passCount.load(ordering: .relaxed) > before }
      buffer.dispose()
    }
  }

  @Test(
    "A child that hangs is killed, even if the forking thread blocks the signal",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive it under ThreadSanitizer"))
  func hangingChild() async {
    await #expect(processExitsWith: .success) {
      var signals = sigset_t()
      unsafe sigfillset(&signals)
      unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
      let child = Forking.fork(secondsOfChild: 1)
      if child == 0 { while true { pause() } }
      #expect(Forking.status(of: child) == SIGALRM)
    }
  }

  private static func runChild(_ arena: Arena, _ kept: NativeBuffer) -> Never {
    guard let own = try? NativeBuffer(byteCount: 50_000, arena: arena), own.dispose(),
      (try? kept.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) }) == 5, kept.dispose()
    else { _exit(1) }
    _exit(0)
  }
}
