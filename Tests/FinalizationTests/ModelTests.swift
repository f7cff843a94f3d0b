// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import TestSupport
import Testing

/// Random steps against a model that is so simple that it can be trusted. Each thread has its own targets, tokens and
/// model, and shares the registries with the other threads. The results of its own steps are certain, whatever the
/// other threads do.
@Suite("Registries against a model")
struct ModelTests {
  /// `FINALIZATION_MODEL_STEPS` says how many steps there are: fewer with a sanitizer, more in the long run.
  private static let steps =
    unsafe getenv("FINALIZATION_MODEL_STEPS").flatMap { unsafe Int(String(cString: $0)) } ?? 200_000

  @Test("Random steps on several threads have the results that the model predicts", arguments: [2, 3])
  func randomSteps(threads: Int) {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("model test: seed \(seed), \(threads) threads, \(Self.steps / 2) steps")
    run(seed: seed, threads: threads)
  }

  /// One thread's share; its objects are dead when this returns.
  private static func steps(
    _ number: Int, of threads: Int, seed: UInt64, registries: [FinalizationRegistry<ModelKey>], failures: Log<String>
  ) -> Set<ModelKey> {
    var model = ModelThread(number: number, seed: seed &+ UInt64(number), registries: registries)
    for _ in 0..<(steps / 2 / threads) { model.step(failures) }
    return model.deliveredInTheEnd()
  }

  private func run(seed: UInt64, threads: Int) {
    let deliveries = Deliveries()
    let registries = [Delivery.manual, .inlineOnReleasingThread, .background].map { delivery in
      FinalizationRegistry<ModelKey>(name: "model", delivery: delivery) { deliveries.add($0) }
    }
    let failures = Log<String>()
    let finished = Log<Set<ModelKey>>()
    onThreads(threads) { number in
      finished.add(Self.steps(number, of: threads, seed: seed, registries: registries, failures: failures))
    }
    // All objects die. Then every registration was either ended by its thread or delivered once.
    for registry in registries { registry.flush() }
    for failure in failures.all.prefix(10) { Issue.record("seed \(seed): \(failure)") }
    let delivered = deliveries.all
    #expect(Set(delivered).count == delivered.count, "delivered twice, seed \(seed)")
    var expected: Set<ModelKey> = []
    for model in finished.all { expected.formUnion(model) }
    #expect(Set(delivered) == expected, "seed \(seed)")
    for registry in registries { #expect(registry.count == 0, "seed \(seed)") }
  }
}

struct ModelKey: Hashable, Sendable {
  let thread: Int
  let number: Int
}

private final class Deliveries: Sendable {
  private let shards: [Log<ModelKey>] = (0..<16).map { _ in Log() }

  func add(_ key: ModelKey) { shards[key.number & 15].add(key) }
  var all: [ModelKey] { shards.flatMap { $0.all } }
}

/// One thread's objects, and what the thread knows of its registrations.
struct ModelThread {
  private struct Registered {
    let key: ModelKey
    let registration: FinalizationRegistry<ModelKey>.Registration
    let registry: Int
    var token: Int?
  }

  private struct Target {
    var object: AnyObject
    var registered: [Registered] = []
  }

  private let number: Int
  private var random: SeededGenerator
  private let registries: [FinalizationRegistry<ModelKey>]
  private var targets: [Target] = []
  private var tokens: [AnyObject]
  private var lastKey = 0
  /// Registrations whose cleanup must run, or has run.
  private var due: Set<ModelKey> = []

  init(number: Int, seed: UInt64, registries: [FinalizationRegistry<ModelKey>]) {
    self.number = number
    self.registries = registries
    random = SeededGenerator(seed: seed)
    tokens = [Anchored(), Plain(), Anchored(), Plain()]
  }

  mutating func step(_ failures: Log<String>) {
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<20: if targets.count < 64 { targets.append(Target(object: makeObject())) }
    case 20..<60: register()
    case 60..<75: die()
    case 75..<85: cancel(failures)
    case 85..<90: clean(failures)
    case 90..<97: unregister(failures)
    case 97: try? registries[0].drain()
    case 98: peek(failures)
    default: registries[0].unregister(Anchored())
    }
  }

  private mutating func makeObject() -> AnyObject {
    if Bool.random(using: &random) { Anchored() } else { Plain() }
  }

  private mutating func pick() -> Int? {
    targets.isEmpty ? nil : Int.random(in: targets.indices, using: &random)
  }

  private mutating func register() {
    guard let index = pick(), targets[index].registered.count < 8 else { return }
    lastKey += 1
    let key = ModelKey(thread: number, number: lastKey)
    let registry = Int.random(in: registries.indices, using: &random)
    let token = Bool.random(using: &random) ? Int.random(in: tokens.indices, using: &random) : nil
    guard
      let registration = try? registries[registry].register(
        targets[index].object, holding: key, unregisterToken: token.map { tokens[$0] })
    else { return }
    targets[index].registered.append(
      Registered(key: key, registration: registration, registry: registry, token: token))
  }

  private mutating func die() {
    guard let index = pick() else { return }
    let dead = targets.remove(at: index)
    for registered in dead.registered {
      due.insert(registered.key)
      if let token = registered.token { retire(token) }
    }
  }

  /// Replaces a token by another object. The registrations of living targets with the old token can then be ended in
  /// other ways only.
  private mutating func retire(_ token: Int) {
    tokens[token] = makeObject()
    for target in targets.indices {
      for index in targets[target].registered.indices where targets[target].registered[index].token == token {
        targets[target].registered[index].token = nil
      }
    }
  }

  private mutating func takeRegistered() -> Registered? {
    guard let index = pick(), !targets[index].registered.isEmpty else { return nil }
    return targets[index].registered.remove(
      at: Int.random(in: targets[index].registered.indices, using: &random))
  }

  private mutating func cancel(_ failures: Log<String>) {
    guard let registered = takeRegistered() else { return }
    if registered.registration.cancel() != registered.key { failures.add("cancel of \(registered.key)") }
    if registered.registration.isPending { failures.add("pending after cancel: \(registered.key)") }
  }

  private mutating func clean(_ failures: Log<String>) {
    guard let registered = takeRegistered() else { return }
    due.insert(registered.key)
    if (try? registered.registration.clean()) != true { failures.add("clean of \(registered.key)") }
  }

  private mutating func peek(_ failures: Log<String>) {
    guard let index = pick(), let registered = targets[index].registered.first else { return }
    if registered.registration.peek != registered.key { failures.add("peek of \(registered.key)") }
  }

  /// Ends the registrations that the token has with a registry. This also ends cleanups of dead targets that have not
  /// run yet, and only the registry knows which those are. So a death retires the target's tokens, see `die`.
  private mutating func unregister(_ failures: Log<String>) {
    let token = Int.random(in: tokens.indices, using: &random)
    let registry = Int.random(in: registries.indices, using: &random)
    var ended: [Registered] = []
    for index in targets.indices {
      ended += targets[index].registered.filter { $0.token == token && $0.registry == registry }
      targets[index].registered.removeAll { $0.token == token && $0.registry == registry }
    }
    if registries[registry].unregister(tokens[token]) != !ended.isEmpty { failures.add("unregister of \(ended.count)") }
    for registered in ended where registered.registration.isPending {
      failures.add("pending after unregister: \(registered.key)")
    }
  }

  /// What must have been delivered when everything is dead.
  func deliveredInTheEnd() -> Set<ModelKey> {
    due.union(targets.flatMap(\.registered).map(\.key))
  }
}
