// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import ResourceLedger
import Synchronization
import TestSupport
import Testing

/// Whatever a client's `finalizationAnchor` returns, no held value is lost, and none is released twice.
@Suite("Anchors that change, are shared or outlive their object")
struct LyingAnchorTests {
  /// A held value that reports its own end.
  private final class Witness: Sendable {
    let number: Int
    let releases: Releases
    init(_ number: Int, _ releases: Releases) {
      self.number = number
      self.releases = releases
    }
    deinit { releases.add(number) }
  }

  private final class Releases: Sendable {
    private let counts: [Counter]
    init(count: Int) { counts = (0..<count).map { _ in Counter() } }
    func add(_ number: Int) { counts[number].add() }
    subscript(number: Int) -> Int { counts[number].value }
  }

  /// Returns another anchor each time.
  private final class Changing: Finalizable {
    var finalizationAnchor: FinalizationAnchor { FinalizationAnchor() }
  }

  /// Returns one of several anchors, which other objects have, too, and which are replaced at any time.
  private final class Borrowing: Finalizable {
    private let anchors: SharedSlots<FinalizationAnchor>
    private let turn = Atomic<Int>(0)
    init(_ anchors: SharedSlots<FinalizationAnchor>) { self.anchors = anchors }
    var finalizationAnchor: FinalizationAnchor {
      let turn = turn.add(1, ordering: .relaxed).newValue
      return anchors.peek(turn & 7) ?? FinalizationAnchor()
    }
  }

  /// Returns an anchor that it was given, and that may or may not outlive it.
  private final class Lent: Finalizable {
    let finalizationAnchor: FinalizationAnchor
    init(_ anchor: FinalizationAnchor) { finalizationAnchor = anchor }
  }

  private static let stepCount = 20_000

  private static func steps(
    _ number: Int, seed: UInt64, registries: [FinalizationRegistry<Witness>], anchors: SharedSlots<FinalizationAnchor>,
    releases: Releases
  ) -> Int {
    var random = SeededGenerator(seed: seed &+ UInt64(number))
    var objects: [any Finalizable] = [Changing(), Borrowing(anchors), Lent(FinalizationAnchor())]
    var registrations: [FinalizationRegistry<Witness>.Registration] = []
    var refused = 0
    for step in 0..<stepCount {
      let registry = registries[Int.random(in: registries.indices, using: &random)]
      let object = objects[Int.random(in: objects.indices, using: &random)]
      let witness = Witness(number * stepCount + step, releases)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: objects.append(Changing())
      case 1: objects.append(Borrowing(anchors))
      case 2: objects.append(Lent(anchors.peek(step & 7) ?? objects.randomElement(using: &random)!.finalizationAnchor))
      case 3: if objects.count > 3 { objects.remove(at: Int.random(in: objects.indices, using: &random)) }
      case 4: _ = anchors.exchange(step & 7, Bool.random(using: &random) ? FinalizationAnchor() : nil)
      default: registry.unregister(object)
      }
      if objects.count > 40 { objects.removeFirst(20) }
      let token: (any Finalizable)? =
        Bool.random(using: &random) ? objects[Int.random(in: objects.indices, using: &random)] : nil
      do {
        registrations.append(try registry.register(object, holding: witness, unregisterToken: token))
      } catch {
        refused += 1
      }
      if registrations.count > 30 {
        let taken = registrations.remove(at: Int.random(in: registrations.indices, using: &random))
        if Bool.random(using: &random) { _ = taken.cancel() } else { _ = try? taken.clean() }
      }
    }
    return refused
  }

  @Test("Each held value is released once, even if anchors change, are shared or outlive their object")
  func releasedOnce() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("lying anchors: seed \(seed)")
    let threads = 3
    let releases = Releases(count: threads * Self.stepCount)
    let anchors = SharedSlots<FinalizationAnchor>(count: 8)
    do {
      let registries = [Delivery.manual, .inlineOnReleasingThread, .background].map { delivery in
        FinalizationRegistry<Witness>(name: "lied to", delivery: delivery) { _ in }
      }
      onThreads(threads) { number in
        _ = Self.steps(number, seed: seed, registries: registries, anchors: anchors, releases: releases)
      }
      for slot in 0..<8 { _ = anchors.exchange(slot, nil) }
      for registry in registries { registry.flush() }
      for registry in registries { #expect(registry.count == 0, "seed \(seed)") }
    }
    let wrong = (0..<threads * Self.stepCount).filter { releases[$0] != 1 }
    #expect(wrong.isEmpty, "seed \(seed): \(wrong.prefix(10).map { "\($0): \(releases[$0])" })")
  }

  @Test("A held value that owns the anchor of its own registration is refused")
  func ownedAnchor() throws {
    let releases = Releases(count: 1)
    let anchor = FinalizationAnchor()
    let target = Lent(anchor)
    let registry = FinalizationRegistry<any AnyObject & Sendable>(name: "kept anchor", delivery: .manual) { _ in }
    final class Borrower: Finalizable, Sendable {
      let finalizationAnchor: FinalizationAnchor
      init(_ anchor: FinalizationAnchor) { finalizationAnchor = anchor }
    }
    let held: [any AnyObject & Sendable] = [anchor, Borrower(anchor)]
    for held in held {
      #expect { try registry.register(target, holding: held) } throws: {
        ($0 as? FinalizationError)?.code == .heldValueKeepsAnchor
      }
      #expect { try registry.register(target, holding: held, unregisterToken: target) } throws: {
        ($0 as? FinalizationError)?.code == .heldValueKeepsAnchor
      }
      #expect { try registry.register(target as AnyObject, holding: held) } throws: {
        ($0 as? FinalizationError)?.code == .heldValueKeepsAnchor
      }
    }
    #expect(registry.count == 0)
    try registry.register(target, holding: Witness(0, releases))
    try registry.register(target, holding: Borrower(FinalizationAnchor()))
    #expect(registry.count == 2)
  }

  @Test("If a held value owns the anchor in a way that the registry cannot see, it stays, and the registry counts it")
  func hiddenOwner() throws {
    final class Owner: Sendable {
      let kept: FinalizationAnchor
      init(_ kept: FinalizationAnchor) { self.kept = kept }
    }
    let registry = FinalizationRegistry<Owner>(name: "cycle", delivery: .manual) { _ in }
    let registrations = try [Lent(FinalizationAnchor()), Lent(FinalizationAnchor())].map { target in
      try registry.register(target, holding: Owner(target.finalizationAnchor))
    }
    try registry.drain()
    #expect(registry.count == 2)
    // There is a way to end it: the code that has the registration ends it.
    for registration in registrations { #expect(registration.cancel() != nil) }
    #expect(registry.count == 0)
  }
}
