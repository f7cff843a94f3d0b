// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite("Registrations")
struct RegistrationTests {
  private func registry(_ log: Log<Int>) -> FinalizationRegistry<Int> {
    FinalizationRegistry(name: "registration", delivery: .manual) { log.add($0) }
  }

  @Test("A registration is pending until its delivery, and peek returns the held value until then")
  func pendingAndPeek() throws {
    let registry = registry(Log())
    let registration = try registry.register(Anchored(), holding: 5)
    #expect(registration.isPending)
    #expect(registration.peek == 5)
    #expect(registration.site?.file.hasSuffix("RegistrationTests.swift") == true)
    try registry.drain()
    #expect(!registration.isPending)
    #expect(registration.peek == nil)
    #expect(registration.site == nil)
  }

  @Test("Cancel returns the held value once and the cleanup never runs")
  func cancel() throws {
    let log = Log<Int>()
    let registry = registry(log)
    let alive = Anchored()
    let first = try registry.register(alive, holding: 1)
    let second = try registry.register(Anchored(), holding: 2)
    #expect(first.cancel() == 1)
    #expect(second.cancel() == 2)
    #expect(first.cancel() == nil)
    try registry.drain()
    #expect(log.all == [])
    #expect(registry.count == 0)
  }

  @Test("Clean runs the cleanup now and at most once, and its error is thrown")
  func clean() throws {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "clean", delivery: .manual) { number in
      log.add(number)
      if number < 0 { throw Failure(number: number) }
    }
    let target = Anchored()
    let good = try registry.register(target, holding: 1)
    let bad = try registry.register(target, holding: -1)
    let dead = try registry.register(Anchored(), holding: 2)
    #expect(try good.clean())
    #expect(try !good.clean())
    #expect(throws: Failure(number: -1)) { try bad.clean() }
    #expect(try !bad.clean())
    #expect(try dead.clean())
    try registry.drain()
    #expect(log.all == [1, -1, 2])
    #expect(registry.count == 0)
  }

  @Test("If a thread is cleaning a registration, a delivery of its dead target leaves the end to that thread")
  func deliveryWhileCleaning() throws {
    let began = Flag()
    let goOn = Flag()
    let registry = FinalizationRegistry<Int>(name: "cleaning", delivery: .manual) { _ in
      began.set()
      goOn.wait()
    }
    let registration = try registry.register(Anchored(), holding: 1)
    onThreads(2) { thread in
      if thread == 0 {
        #expect((try? registration.clean()) == true)
      } else {
        began.wait()
        try? registry.drain()
        #expect(registry.count == 1)
        goOn.set()
      }
    }
    #expect(registry.count == 0)
  }

  @Test("A registration that is made in a held value's deinit does not take the cell of that value")
  func registeringInDeinit() throws {
    let log = Log<String>()
    let registry = FinalizationRegistry<Pair>(name: "pairs", delivery: .manual) { _ in }
    let target = Anchored()
    let other = Anchored()
    try registry.register(
      target,
      holding: Pair(
        first: Acting {
          log.add("first")
          let later = Pair(first: Acting { log.add("third") }, second: Acting { log.add("fourth") })
          _ = try? registry.register(other, holding: later, unregisterToken: other)
        },
        second: Acting { log.add("second") }),
      unregisterToken: target)
    #expect(registry.unregister(target))
    #expect(log.all == ["first", "second"])
    #expect(registry.unregister(other))
    #expect(log.all == ["first", "second", "third", "fourth"])
  }

  /// Calls a closure in its deinit.
  private final class Acting: Sendable {
    private let action: @Sendable () -> Void
    init(_ action: @escaping @Sendable () -> Void) { self.action = action }
    deinit { action() }
  }

  private struct Pair: Sendable {
    let first: Acting
    let second: Acting
  }

  @Test("A registration that has ended does not affect a later one in the same cell")
  func laterRegistration() throws {
    let log = Log<Int>()
    let registry = registry(log)
    let target = Anchored()
    let old = try registry.register(target, holding: 1)
    old.cancel()
    let new = try registry.register(target, holding: 2)
    #expect(old.cancel() == nil)
    #expect(try !old.clean())
    old.runsAtExit = true
    #expect(!new.runsAtExit)
    #expect(new.isPending)
  }

  @Test("A registration is not pending after its registry is gone")
  func registryGone() throws {
    let target = Anchored()
    var registration: FinalizationRegistry<Int>.Registration?
    do {
      let registry = registry(Log())
      registration = try registry.register(target, holding: 1)
      registration?.cancel()
    }
    #expect(registration?.isPending == false)
    #expect(registration?.cancel() == nil)
  }

  @Test(
    "At exit, the cleanups that asked for it run, the latest first; a cancelled one does not, and an error stops none")
  func atExit() async throws {
    let result = await #expect(processExitsWith: .exitCode(7), observing: [\.standardOutputContent]) {
      let registry = FinalizationRegistry<Int>(name: "exit", delivery: .manual) { number in
        write(line: "cleanup \(number)")
        if number == 3 { throw Failure(number: number) }
      }
      // This object is alive at the exit.
      let target = Anchored()
      var registrations: [FinalizationRegistry<Int>.Registration] = []
      for number in 0..<6 { registrations.append(try registry.register(target, holding: number)) }
      // `runsAtExit` is set in another order than that of creation.
      for number in [4, 1, 3, 2, 5] { registrations[number].runsAtExit = true }
      registrations[2].runsAtExit = false
      let dead = try registry.register(Anchored(), holding: 9)
      dead.runsAtExit = true
      registrations[5].cancel()
      endProcess(target, registry)
    }
    let output = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    #expect(output.split(separator: "\n") == ["cleanup 9", "cleanup 4", "cleanup 3", "cleanup 1"])
  }

  @Test("If a cleanup that asked to run at exit is running on another thread, the process waits for its end")
  func cleanupBeforeExit() async {
    await #expect(processExitsWith: .exitCode(7)) {
      let began = DispatchSemaphore(value: 0)
      let registry = FinalizationRegistry<Int>(name: "exit") { _ in
        began.signal()
        ExitSignal.hasBegun.wait()
        // An exit that does not wait for the cleanup ends the process meanwhile.
        usleep(100_000)
        _exit(7)
      }
      let holder = Holder(Anchored())
      guard let registration = try holder.current.map({ try registry.register($0, holding: 1) }) else { exit(1) }
      registration.runsAtExit = true
      // Runs before the library's own function at exit, which was registered earlier.
      atexit { ExitSignal.hasBegun.set() }
      holder.release()
      wait(for: began)
      exit(0)
    }
  }
}

/// Unbuffered, so that a test can read what was written before the process ended by exit.
private func write(line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
}

private func endProcess(_ keeping: AnyObject...) -> Never { withExtendedLifetime(keeping) { exit(7) } }

private enum ExitSignal { static let hasBegun = Flag() }
