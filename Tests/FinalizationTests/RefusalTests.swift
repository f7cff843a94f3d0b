// SPDX-License-Identifier: Apache-2.0

import Finalization
import Testing

@Suite("What a registry refuses")
struct RefusalTests {
  // SAFETY: has nothing.
  final class Target: Anchored, @unchecked Sendable {}
  final class PlainTarget: Sendable {}

  private func expectRefused<H: Sendable, T: AnyObject>(
    _ registry: FinalizationRegistry<H>, _ target: T, _ held: H, token: AnyObject? = nil
  ) {
    do {
      try registry.register(target, holding: held, unregisterToken: token)
      Issue.record("the registration was not refused")
    } catch {
      #expect(error.code == .heldValueIsTarget)
      #expect(error.site?.file.hasSuffix("RefusalTests.swift") == true)
    }
    #expect(registry.count == 0)
  }

  @Test("A held value identical to the target is refused")
  func heldIsTarget() {
    let target = Target()
    expectRefused(FinalizationRegistry<Target>(name: "class", delivery: .manual) { _ in }, target, target)
    expectRefused(FinalizationRegistry<Target?>(name: "optional", delivery: .manual) { _ in }, target, target)
    expectRefused(FinalizationRegistry<any Sendable>(name: "any", delivery: .manual) { _ in }, target, target)
    expectRefused(
      FinalizationRegistry<(any AnyObject & Sendable)?>(name: "any?", delivery: .manual) { _ in }, target, target)
    let plain = PlainTarget()
    expectRefused(FinalizationRegistry<PlainTarget>(name: "plain", delivery: .manual) { _ in }, plain, plain)
  }

  @Test("If a token is identical to both held value and target, the error is about the held value")
  func tokenIsBoth() {
    let target = Target()
    expectRefused(
      FinalizationRegistry<Target>(name: "refusal", delivery: .manual) { _ in }, target, target, token: target)
  }

  @Test("A token that is only the target, or only the held value, is accepted")
  func tokenIsOne() throws {
    let target = Target()
    let held = Target()
    let registry = FinalizationRegistry<Target>(name: "tokens", delivery: .manual) { _ in }
    try registry.register(target, holding: held, unregisterToken: target)
    try registry.register(target, holding: held, unregisterToken: held)
    #expect(registry.count == 2)
    #expect(registry.unregister(target))
    #expect(registry.unregister(held))
    #expect(registry.count == 0)
  }

  @Test("A held value that is not an object, or is another object, is accepted")
  func otherHeldValue() throws {
    let target = Target()
    let registry = FinalizationRegistry<any Sendable>(name: "values", delivery: .manual) { _ in }
    try registry.register(target, holding: 1)
    try registry.register(target, holding: "text")
    try registry.register(target, holding: Target())
    try registry.register(target, holding: Int?.none)
    #expect(registry.count == 4)
  }

  @Test("An anchor that another object has used is refused")
  func usedAnchor() throws {
    final class Borrower: Finalizable {
      let finalizationAnchor: FinalizationAnchor
      init(_ anchor: FinalizationAnchor) { finalizationAnchor = anchor }
    }
    let owner = Anchored()
    let borrower = Borrower(owner.finalizationAnchor)
    let registry = FinalizationRegistry<Int>(name: "anchors", delivery: .manual) { _ in }
    try registry.register(owner, holding: 1)
    do {
      try registry.register(borrower, holding: 2)
      Issue.record("the registration was not refused")
    } catch {
      #expect(error.code == .anchorIsShared)
    }
  }

  @Test("A negative number of bytes is refused")
  func negativeByteCount() {
    let registry = FinalizationRegistry<Int>(name: "bytes", delivery: .manual) { _ in }
    #expect(throws: FinalizationError.self) { try registry.register(Anchored(), holding: 1, byteCount: -1) }
  }
}
