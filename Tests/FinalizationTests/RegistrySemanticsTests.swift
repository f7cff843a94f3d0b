// SPDX-License-Identifier: Apache-2.0

import Finalization
import TestSupport
import Testing

/// Rules that hold for both ways in which a death becomes known: each test runs with an anchored and with a plain
/// target.
@Suite("What a registry promises")
struct RegistrySemanticsTests {
  enum Kind: CaseIterable { case anchored, plain }

  func make(_ kind: Kind) -> AnyObject {
    switch kind {
    case .anchored: Anchored()
    case .plain: Plain()
    }
  }

  private func registry(_ log: Log<Int>) -> FinalizationRegistry<Int> {
    FinalizationRegistry(name: "semantics", delivery: .manual) { log.add($0) }
  }

  @Test("After a target has died, the callback gets its held value", arguments: Kind.allCases)
  func deadTarget(kind: Kind) throws {
    let log = Log<Int>()
    let registry = registry(log)
    try registry.register(make(kind), holding: 7)
    try registry.drain()
    #expect(log.all == [7])
    #expect(registry.count == 0)
  }

  @Test("The callback of a live target never runs", arguments: Kind.allCases)
  func liveTarget(kind: Kind) throws {
    let log = Log<Int>()
    let registry = registry(log)
    let target = make(kind)
    try registry.register(target, holding: 1)
    for _ in 0..<100 { try registry.drain() }
    #expect(log.all == [])
    #expect(registry.count == 1)
    withExtendedLifetime(target) {}
  }

  @Test("If the same target is registered three times, there are three callbacks", arguments: Kind.allCases)
  func threeRegistrations(kind: Kind) throws {
    let log = Log<Int>()
    let registry = registry(log)
    do {
      let target = make(kind)
      for number in 1...3 { try registry.register(target, holding: number) }
      withExtendedLifetime(target) {}
    }
    try registry.drain()
    #expect(log.all.sorted() == [1, 2, 3])
  }

  @Test(
    "Unregister returns false for an unknown token, and for a known one first true and then false",
    arguments: Kind.allCases)
  func unregisterOnce(kind: Kind) throws {
    let log = Log<Int>()
    let registry = registry(log)
    let target = make(kind)
    let token = make(kind)
    #expect(!registry.unregister(token))
    try registry.register(target, holding: 1, unregisterToken: token)
    #expect(!registry.unregister(make(kind)))
    #expect(registry.unregister(token))
    #expect(!registry.unregister(token))
    #expect(registry.count == 0)
  }

  @Test("One token removes all of its registrations, in this registry only", arguments: Kind.allCases)
  func sharedToken(kind: Kind) throws {
    let log = Log<Int>()
    let first = registry(log)
    let second = registry(log)
    let token = make(kind)
    do {
      let a = make(kind)
      let b = make(kind)
      try first.register(a, holding: 1, unregisterToken: token)
      try first.register(a, holding: 2, unregisterToken: token)
      try first.register(b, holding: 3, unregisterToken: token)
      try first.register(b, holding: 4)
      try second.register(b, holding: 5, unregisterToken: token)
      #expect(first.unregister(token))
      #expect(first.count == 1)
      #expect(second.count == 1)
      withExtendedLifetime((a, b)) {}
    }
    try first.drain()
    try second.drain()
    #expect(log.all.sorted() == [4, 5])
  }

  @Test("A target is not a token unless it is given as one", arguments: Kind.allCases)
  func targetIsNoToken(kind: Kind) throws {
    let registry = registry(Log())
    let target = make(kind)
    try registry.register(target, holding: 1)
    #expect(!registry.unregister(target))
    #expect(registry.count == 1)
  }

  @Test(
    "Unregister after the death and before the delivery returns true, and there is no callback",
    arguments: Kind.allCases)
  func unregisterBeforeDelivery(kind: Kind) throws {
    let log = Log<Int>()
    let registry = registry(log)
    let token = Anchored()
    try registry.register(make(kind), holding: 1, unregisterToken: token)
    #expect(registry.unregister(token))
    try registry.drain()
    #expect(log.all == [])
    #expect(registry.count == 0)
  }

  @Test("Unregister after the delivery returns false", arguments: Kind.allCases)
  func unregisterAfterDelivery(kind: Kind) throws {
    let registry = registry(Log())
    let token = Anchored()
    try registry.register(make(kind), holding: 1, unregisterToken: token)
    try registry.drain()
    #expect(!registry.unregister(token))
  }

  @Test("The death of a token cancels nothing", arguments: Kind.allCases)
  func tokenDiesFirst(kind: Kind) throws {
    let log = Log<Int>()
    let registry = registry(log)
    do {
      let target = make(kind)
      try registry.register(target, holding: 1, unregisterToken: make(kind))
      try registry.drain()
      #expect(log.all == [])
      #expect(registry.count == 1)
      withExtendedLifetime(target) {}
    }
    try registry.drain()
    #expect(log.all == [1])
  }

  @Test("The registry has only weak references to tokens and targets", arguments: Kind.allCases)
  func weaklyHeld(kind: Kind) throws {
    let registry = registry(Log())
    weak var weakTarget: AnyObject?
    weak var weakToken: AnyObject?
    do {
      let target = make(kind)
      let token = make(kind)
      weakTarget = target
      weakToken = token
      try registry.register(target, holding: 1, unregisterToken: token)
    }
    #expect(weakTarget == nil)
    #expect(weakToken == nil)
  }

  @Test("The registry keeps the held value until delivery, and then releases it")
  func heldUntilDelivery() throws {
    final class Held: Sendable {}
    let registry = FinalizationRegistry<Held>(name: "held", delivery: .manual) { _ in }
    weak var held: Held?
    do {
      let value = Held()
      held = value
      try registry.register(Anchored(), holding: value)
    }
    #expect(held != nil)
    try registry.drain()
    #expect(held == nil)
  }

  @Test("Unregister releases the held value")
  func releasedByUnregister() throws {
    final class Held: Sendable {}
    let registry = FinalizationRegistry<Held>(name: "held", delivery: .manual) { _ in }
    let target = Anchored()
    weak var held: Held?
    do {
      let value = Held()
      held = value
      try registry.register(target, holding: value, unregisterToken: target)
    }
    #expect(held != nil)
    #expect(registry.unregister(target))
    #expect(held == nil)
  }

  @Test("A held value whose deinit calls back into the registry does not deadlock")
  func heldDeinitCallsBack() throws {
    final class Held: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
      deinit { body() }
    }
    let log = Log<Int>()
    let other = registry(log)
    let registry = FinalizationRegistry<Held>(name: "calls back", delivery: .manual) { _ in }
    let token = Anchored()
    for number in 0..<3 {
      let held = Held { [unowned registry] in
        _ = registry.unregister(token)
        _ = registry.count
        _ = try? other.register(Anchored(), holding: number)
        try? other.drain()
      }
      try registry.register(token, holding: held, unregisterToken: token)
    }
    #expect(registry.unregister(token))
    #expect(log.all.sorted() == [0, 1, 2])
    try registry.register(Anchored(), holding: Held { [unowned registry] in try? registry.drain() })
    try registry.drain()
    #expect(registry.count == 0)
  }

  @Test("During the callback, every weak reference to the target is nil")
  func weakReferencesAreNil() throws {
    let log = Log<Bool>()
    for kind in Kind.allCases {
      for delivery in [Delivery.manual, .inlineOnReleasingThread] {
        let reference: WeakReference<AnyObject>
        // SAFETY: cleanups run on this thread.
        nonisolated(unsafe) weak var native: AnyObject?
        let registry = FinalizationRegistry<Int>(name: "weak", delivery: delivery) { _ in
          unsafe log.add(native == nil)
        }
        do {
          let target = make(kind)
          reference = WeakReference(target)
          unsafe native = target
          try registry.register(target, holding: 1)
          #expect(reference.target === target)
          withExtendedLifetime(target) {}
        }
        #expect(reference.target == nil)
        try registry.drain()
      }
    }
    #expect(log.all == [true, true, true, true])
  }

  @Test("The registry itself may be a target")
  func registryAsTarget() throws {
    let log = Log<Int>()
    let watcher = registry(log)
    do {
      let target = FinalizationRegistry<Int>(name: "target", delivery: .inlineOnReleasingThread) { log.add($0) }
      try target.register(target, holding: 1)
      try watcher.register(target, holding: 2)
    }
    try watcher.drain()
    #expect(log.all.sorted() == [1, 2])
  }

  @Test("The registry itself may be a token")
  func registryAsToken() throws {
    let log = Log<Int>()
    let registry = registry(log)
    let target = Anchored()
    try registry.register(target, holding: 1, unregisterToken: registry)
    #expect(registry.unregister(registry))
    #expect(!registry.unregister(registry))
  }

  @Test("The registry itself may be a held value")
  func registryAsHeldValue() throws {
    let log = Log<Bool>()
    weak var weakRegistry: FinalizationRegistry<any Sendable>?
    do {
      let registry = FinalizationRegistry<any Sendable>(name: "held", delivery: .manual) { held in
        log.add(held is FinalizationRegistry<any Sendable>)
      }
      weakRegistry = registry
      try registry.register(Anchored(), holding: registry)
      try registry.drain()
    }
    #expect(log.all == [true])
    #expect(weakRegistry == nil)
  }

  @Test(
    "The anchor of a base class reports the death after the derived deinit and before the derived fields are released")
  func anchorOfBaseClass() throws {
    final class Field: Sendable {
      let log: Log<String>
      init(_ log: Log<String>) { self.log = log }
      deinit { log.add("derived field") }
    }
    // SAFETY: constants only.
    final class Derived: Anchored, @unchecked Sendable {
      let field: Field
      init(_ log: Log<String>) { field = Field(log) }
      deinit { field.log.add("derived deinit") }
    }
    let log = Log<String>()
    let registry = FinalizationRegistry<String>(name: "base", delivery: .inlineOnReleasingThread) { log.add($0) }
    try registry.register(Derived(log), holding: "cleanup")
    #expect(log.all == ["derived deinit", "cleanup", "derived field"])
  }

  @Test("A plain target with an unowned reference is delivered after that reference is gone")
  func unownedReference() throws {
    final class Referrer {
      unowned let object: Plain
      init(_ object: Plain) { self.object = object }
    }
    let log = Log<Int>()
    let registry = registry(log)
    var referrer: Referrer?
    do {
      let target = Plain()
      referrer = Referrer(target)
      try registry.register(target, holding: 1)
    }
    try registry.drain()
    #expect(log.all == [])
    referrer = nil
    try registry.drain()
    #expect(log.all == [1])
    _ = referrer
  }

  @Test("The cleanup of a plain target never runs during the target's deinit")
  func plainTargetDeinit() throws {
    final class Slow {
      let inside: @Sendable () -> Void
      init(_ inside: @escaping @Sendable () -> Void) { self.inside = inside }
      deinit { inside() }
    }
    let log = Log<String>()
    let registry = FinalizationRegistry<String>(name: "slow", delivery: .manual) { log.add($0) }
    try registry.register(
      Slow {
        try? registry.drain()
        log.add("deinit")
      }, holding: "cleanup")
    try registry.drain()
    #expect(log.all == ["deinit", "cleanup"])
  }
}
