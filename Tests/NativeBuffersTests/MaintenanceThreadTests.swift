// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("The maintenance thread")
struct MaintenanceThreadTests {
  private static let quick = Arena.Configuration(dirtyDecay: .milliseconds(20), idleTime: .milliseconds(20))

  private static func leaveIdle(in arena: Arena) throws {
    for buffer in try (0..<4).map({ _ in try NativeBuffer(byteCount: 3 << 20, arena: arena) }) { buffer.dispose() }
  }

  @Test(
    "The thread starts when it is first needed, sleeps when there is nothing to do, and does not keep the process alive"
  )
  func sleeping() async {
    await #expect(processExitsWith: .success) {
      #expect(!MaintenanceThread.isRunning && ThreadStatus.ofMaintenance() == nil)
      let arena = try Arena(name: "sleeping", configuration: Self.quick)
      try Self.leaveIdle(in: arena)
      #expect(MaintenanceThread.isRunning)
      ThreadStatus.wait("idle blocks gone") { (try? arena.counts().count) == 0 }
      ThreadStatus.wait("nothing to do") { Maintenance.hasNothingToDo.load(ordering: .relaxed) }
      ThreadStatus.wait("asleep") { ThreadStatus.ofMaintenance()?["State"] == "S (sleeping)" }
      let passes = Maintenance.passCount.load(ordering: .relaxed)
      let switches = ThreadStatus.ofMaintenance()?["voluntary_ctxt_switches"]
      usleep(500_000)
      #expect(Maintenance.passCount.load(ordering: .relaxed) == passes)
      #expect(ThreadStatus.ofMaintenance()?["voluntary_ctxt_switches"] == switches)
      // The thread also reacts to the next call.
      try Self.leaveIdle(in: arena)
      ThreadStatus.wait("idle blocks gone again") { (try? arena.counts().count) == 0 }
      #expect(Maintenance.passCount.load(ordering: .relaxed) > passes)
    }
  }

  @Test("The thread blocks every signal that can be blocked, so no signal handler of the program runs on it")
  func signals() async {
    await #expect(processExitsWith: .success) {
      try Self.leaveIdle(in: Arena(name: "signals", configuration: Self.quick))
      ThreadStatus.wait("the thread") { ThreadStatus.ofMaintenance() != nil }
      let blocked = UInt64(ThreadStatus.ofMaintenance()?["SigBlk"] ?? "", radix: 16) ?? 0
      for signal in [SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGPROF] {
        #expect(blocked >> UInt64(signal - 1) & 1 == 1, "signal \(signal)")
      }
    }
  }

  @Test(
    "If maintenance is turned off, there is no thread, and releases and trims do its work; it can be turned on again")
  func off() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "off", configuration: .init(idleByteLimit: 6 << 20, idleTime: .milliseconds(20)))
      try Self.leaveIdle(in: arena)
      ThreadStatus.wait("the thread") { ThreadStatus.ofMaintenance() != nil }
      MaintenanceThread.turnOff()
      #expect(!MaintenanceThread.isEnabled && !MaintenanceThread.isRunning)
      #expect(ThreadStatus.ofMaintenance() == nil)
      arena.trim()
      try Self.leaveIdle(in: arena)
      #expect(ThreadStatus.ofMaintenance() == nil)
      // 6 MiB were kept, and the others were given back at once.
      #expect(try arena.counts().count == 2)
      #expect(arena.trim() == 6 << 20)
      #expect(try arena.counts().count == 0)
      try Self.leaveIdle(in: arena)
      MaintenanceThread.turnOn()
      ThreadStatus.wait("idle blocks gone") { (try? arena.counts().count) == 0 }
      #expect(MaintenanceThread.isRunning)
    }
  }

  @Test("If maintenance is turned off and on while threads work, it does not hang, and no block is lost")
  func switching() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "switching", configuration: .init(idleByteLimit: 4 << 20, idleTime: .milliseconds(2)))
      onThreads(3) { thread in
        for round in 0..<60 {
          if thread < 2 {
            try? Self.leaveIdle(in: arena)
          } else {
            if round % 2 == 1 { MaintenanceThread.turnOn() } else { MaintenanceThread.turnOff() }
          }
        }
      }
      MaintenanceThread.turnOff()
      #expect(arena.depot.idleByteCount <= 4 << 20)
      arena._checkInvariants()
      try arena.destroy()
    }
  }

  @Test(
    "A forked child has no maintenance thread until it turns maintenance on",
    .enabled(if: !ThreadSanitizer.isOn, "a thread sanitizer refuses threads in a forked child"))
  func fork() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "fork", configuration: Self.quick)
      try Self.leaveIdle(in: arena)
      ThreadStatus.wait("the thread") { ThreadStatus.ofMaintenance() != nil }
      for _ in 0..<20 {
        let child = Forking.fork(secondsOfChild: 60)
        if child == 0 {
          guard ThreadStatus.ofMaintenance() == nil, !MaintenanceThread.isRunning else { _exit(1) }
          guard !MaintenanceThread.isEnabled, (try? Self.leaveIdle(in: arena)) != nil else { _exit(2) }
          guard ThreadStatus.ofMaintenance() == nil, !MaintenanceThread.isRunning else { _exit(4) }
          MaintenanceThread.turnOn()
          guard (try? Self.leaveIdle(in: arena)) != nil, MaintenanceThread.isRunning else { _exit(5) }
          ThreadStatus.wait("idle blocks gone in the child") { (try? arena.counts().count) == 0 }
          (try? NativeBuffer(byteCount: 1_000))?.dispose()
          guard (try? arena.destroy()) != nil else { _exit(3) }
          _exit(0)
        }
        #expect(Forking.status(of: child) == 0)
        try Self.leaveIdle(in: arena)
      }
      try arena.destroy()
    }
  }

  @Test("An arena can be destroyed at any moment of its maintenance")
  func destroy() throws {
    for round in 0..<60 {
      let arena = try Arena(
        name: "doomed", configuration: .init(idleByteLimit: 1 << 20, idleTime: .milliseconds(round % 3)))
      let live = try (0..<50).map { _ in try NativeBuffer(uninitializedByteCount: 100_000, arena: arena) }
      for buffer in live { buffer.dispose() }
      if round % 2 == 0 { sched_yield() }
      try arena.destroy()
    }
  }

  @Test("An arena can be destroyed while other threads trim it")
  func destroyWhileTrimmed() throws {
    for _ in 0..<30 {
      let arena = try Arena(name: "doomed and trimmed")
      let live = try (0..<200).map { _ in try NativeBuffer(uninitializedByteCount: 10_000, arena: arena) }
      for buffer in live { buffer.dispose() }
      let failures = Counter()
      onThreads(2) { thread in
        if thread == 0 {
          arena.trim()
        } else {
          do { try arena.destroy() } catch { failures.add() }
        }
      }
      #expect(failures.value == 0)
    }
  }
}
