// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite("Delivery")
struct DeliveryTests {
  @Test("Background delivery happens on another thread and flush waits for it")
  func background() {
    let log = Log<UInt>()
    let registry = FinalizationRegistry<Int>(name: "background") { _ in log.add(UInt(pthread_self())) }
    for number in 0..<1_000 {
      _ = try? registry.register(Anchored(), holding: number)
      _ = try? registry.register(Plain(), holding: number)
    }
    registry.flush()
    #expect(log.count == 2_000)
    #expect(!log.all.contains(UInt(pthread_self())))
    #expect(registry.count == 0)
  }

  @Test("An asynchronous flush waits for the delivery, too")
  func asyncFlush() async throws {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "async flush") { log.add($0) }
    for number in 0..<100 { try registry.register(Plain(), holding: number) }
    await registry.flush()
    #expect(log.count == 100)
  }

  @Test("If a queue is given, cleanups run on it, and a flush from that queue does not wait for itself")
  func queue() throws {
    let key = DispatchSpecificKey<Int>()
    let queue = DispatchQueue(label: "given")
    queue.setSpecific(key: key, value: 1)
    let log = Log<Int?>()
    let registry = FinalizationRegistry<Int>(name: "queue", delivery: .queue(queue)) { _ in
      log.add(DispatchQueue.getSpecific(key: key))
    }
    try registry.register(Anchored(), holding: 1)
    registry.flush()
    #expect(log.all == [1])
    try queue.sync {
      try registry.register(Anchored(), holding: 2)
      registry.flush()
    }
    #expect(log.all == [1, 1])
  }

  @Test("If an executor is given, cleanups run on it")
  func executor() async throws {
    let executor = OneThread()
    let log = Log<Bool>()
    let registry = FinalizationRegistry<Int>(name: "executor", delivery: .executor(executor)) { _ in
      log.add(executor.isCurrent)
    }
    for number in 0..<50 { try registry.register(Anchored(), holding: number) }
    await registry.flush()
    #expect(log.all == Array(repeating: true, count: 50))
    executor.stop()
  }

  @Test("Inline delivery runs on the releasing thread before the release returns")
  func inline() throws {
    let log = Log<UInt>()
    let registry = FinalizationRegistry<Int>(name: "inline", delivery: .inlineOnReleasingThread) { _ in
      log.add(UInt(pthread_self()))
    }
    try registry.register(Anchored(), holding: 1)
    #expect(log.all == [UInt(pthread_self())])
  }

  @Test("Manual delivery waits for a drain")
  func manual() throws {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "manual", delivery: .manual) { log.add($0) }
    try registry.register(Anchored(), holding: 1)
    #expect(log.all == [])
    try registry.drain()
    #expect(log.all == [1])
  }

  @Test("If a callback throws, the other callbacks still run, and drain throws the error afterwards")
  func throwingCallback() throws {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "throwing", delivery: .manual) { number in
      log.add(number)
      if number == 3 { throw Failure(number: number) }
    }
    for number in 0..<10 { try registry.register(Anchored(), holding: number) }
    #expect(throws: Failure(number: 3)) { try registry.drain() }
    #expect(log.all.sorted() == Array(0..<10))
    #expect(registry.count == 0)
  }

  @Test("Several errors of one drain are thrown together")
  func severalErrors() throws {
    let registry = FinalizationRegistry<Int>(name: "throwing", delivery: .manual) { throw Failure(number: $0) }
    for number in 0..<3 { try registry.register(Anchored(), holding: number) }
    let failures = #expect(throws: CleanupFailures.self) { try registry.drain() }
    #expect(failures?.errors.count == 3)
  }

  @Test("Errors in the background go to the handler, and the other callbacks still run")
  func errorHandler() throws {
    let errors = Log<Failure>()
    let registry = FinalizationRegistry<Int>(
      name: "errors", errorHandler: { if let failure = $0 as? Failure { errors.add(failure) } },
      cleanup: { throw Failure(number: $0) })
    for number in 0..<10 { try registry.register(Anchored(), holding: number) }
    registry.flush()
    #expect(errors.all.map(\.number).sorted() == Array(0..<10))
  }

  @Test("A drain with another cleanup uses that cleanup")
  func otherCleanup() throws {
    let usual = Log<Int>()
    let other = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "using", delivery: .manual) { usual.add($0) }
    for number in 0..<3 { try registry.register(Anchored(), holding: number) }
    try registry.drain { other.add($0) }
    #expect(usual.all == [])
    #expect(other.all.sorted() == [0, 1, 2])
  }

  @Test("In a callback, unregister returns true for a registration that still waits, and false for the running one")
  func unregisterInCallback() throws {
    let log = Log<Bool>()
    let tokens = [Anchored(), Anchored()]
    let box = Guarded<FinalizationRegistry<Int>?>(nil)
    let registry = FinalizationRegistry<Int>(name: "inside", delivery: .manual) { number in
      guard let registry = box.withLock({ $0 }) else { return }
      log.add(registry.unregister(tokens[number]))
      log.add(registry.unregister(tokens[1 - number]))
    }
    box.withLock { $0 = registry }
    for number in 0..<2 { try registry.register(Anchored(), holding: number, unregisterToken: tokens[number]) }
    try registry.drain()
    #expect(log.all == [false, true])
    box.withLock { $0 = nil }
  }

  @Test("A callback may register a new object")
  func registerInCallback() throws {
    let log = Log<Int>()
    let box = Guarded<FinalizationRegistry<Int>?>(nil)
    let registry = FinalizationRegistry<Int>(name: "inside", delivery: .manual) { number in
      log.add(number)
      guard number < 5, let registry = box.withLock({ $0 }) else { return }
      try registry.register(Anchored(), holding: number + 1)
    }
    box.withLock { $0 = registry }
    try registry.register(Anchored(), holding: 0)
    try registry.drain()
    #expect(log.all == [0, 1, 2, 3, 4, 5])
    box.withLock { $0 = nil }
  }

  @Test("A nested drain delivers the remaining registrations", arguments: [true, false])
  func nestedDrain(isInline: Bool) throws {
    let log = Log<String>()
    let box = Guarded<FinalizationRegistry<Int>?>(nil)
    let registry = FinalizationRegistry<Int>(
      name: "nested", delivery: isInline ? .inlineOnReleasingThread : .manual
    ) { number in
      log.add("begin")
      if let registry = box.withLock({ registry in
        defer { registry = nil }
        return registry
      }) {
        try registry.drain()
      }
      log.add("end")
    }
    box.withLock { $0 = registry }
    do {
      let target = Anchored()
      for number in 0..<3 { try registry.register(target, holding: number) }
    }
    try registry.drain()
    #expect(log.all == ["begin", "begin", "end", "begin", "end", "end"])
  }

  @Test("Deaths caused by a callback are delivered after it, never inside it")
  func deathsInCallback() throws {
    let log = Log<String>()
    let victims = [Holder(Anchored()), Holder(Anchored())]
    let registry = FinalizationRegistry<Int>(name: "after", delivery: .inlineOnReleasingThread) { number in
      log.add("begin \(number)")
      if number == 0 { for victim in victims { victim.release() } }
      log.add("end \(number)")
    }
    for victim in victims { try victim.with { try registry.register($0, holding: 1) } }
    try registry.register(Anchored(), holding: 0)
    #expect(log.all == ["begin 0", "end 0", "begin 1", "end 1", "begin 1", "end 1"])
  }

  @Test("A registry still delivers after its creator has dropped it")
  func droppedRegistry() throws {
    let log = Log<Int>()
    let holder = Holder(Anchored())
    do {
      let registry = FinalizationRegistry<Int>(name: "dropped", delivery: .inlineOnReleasingThread) { log.add($0) }
      try holder.with { try registry.register($0, holding: 1) }
    }
    #expect(log.all == [])
    holder.release()
    #expect(log.all == [1])
  }

  @Test("The inner state of a dropped registry is freed with its last cell")
  func droppedState() throws {
    final class Witness: Sendable {}
    weak var weakWitness: Witness?
    let holder = Holder(Anchored())
    do {
      let witness = Witness()
      weakWitness = witness
      let registry = FinalizationRegistry<Int>(name: "state", delivery: .inlineOnReleasingThread) { _ in
        withExtendedLifetime(witness) {}
      }
      try holder.with { try registry.register($0, holding: 1) }
    }
    #expect(weakWitness != nil)
    holder.release()
    #expect(weakWitness == nil)
  }

  @Test("A manual registry delivers on its own deinit")
  func manualDeinit() throws {
    let log = Log<Int>()
    do {
      let registry = FinalizationRegistry<Int>(name: "deinit", delivery: .manual) { log.add($0) }
      try registry.register(Anchored(), holding: 1)
      try registry.register(Plain(), holding: 2)
      #expect(log.all == [])
    }
    #expect(log.all.sorted() == [1, 2])
  }

  @Test(
    "If an array of 100,000 watched objects is released at once, each of them is delivered", arguments: [true, false])
  func releasedArray(isInline: Bool) throws {
    let log = Log<Int>()
    let registry = FinalizationRegistry<Int>(
      name: "array", delivery: isInline ? .inlineOnReleasingThread : .manual
    ) { log.add($0) }
    var objects = (0..<100_000).map { _ in Anchored() }
    for object in objects { try registry.register(object, holding: 1) }
    objects = []
    try registry.drain()
    #expect(log.count == 100_000)
  }

  @Test("A callback that releases the next of 100,000 does not overflow the stack", arguments: [true, false])
  func chainedReleases(isInline: Bool) throws {
    let log = Log<Int>()
    let holders = (0..<100_000).map { _ in Holder(Anchored()) }
    let registry = FinalizationRegistry<Int>(
      name: "chain", delivery: isInline ? .inlineOnReleasingThread : .manual
    ) { number in
      log.add(number)
      if number + 1 < holders.count { holders[number + 1].release() }
    }
    for (number, holder) in holders.enumerated() { try holder.with { try registry.register($0, holding: number) } }
    holders[0].release()
    try registry.drain()
    #expect(log.all == Array(0..<100_000))
  }
}

/// An executor on one thread of its own, as an executor that owns a graphics context would be.
// SAFETY: constants, each safe to share.
final class OneThread: SerialExecutor, @unchecked Sendable {
  private let inbox = Inbox()
  private let thread = Atomic<UInt>(0)

  private final class Inbox: Sendable {
    let semaphore = DispatchSemaphore(value: 0)
    let jobs = Guarded<[UnownedJob?]>([])
  }

  init() {
    let started = DispatchSemaphore(value: 0)
    Worker { [self] in
      thread.store(UInt(pthread_self()), ordering: .relaxed)
      started.signal()
      while true {
        inbox.semaphore.wait()
        guard let job = inbox.jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { return }
        unsafe job.runSynchronously(on: asUnownedSerialExecutor())
      }
    }
    started.wait()
  }

  var isCurrent: Bool { thread.load(ordering: .relaxed) == UInt(pthread_self()) }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    inbox.jobs.withLock { $0.append(job) }
    inbox.semaphore.signal()
  }

  func stop() {
    inbox.jobs.withLock { $0.append(nil) }
    inbox.semaphore.signal()
  }
}
