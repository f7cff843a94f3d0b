// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@testable import Finalization

@Suite("Objects in their deinit, and after it")
struct DyingObjectTests {
  /// Such an object may be on the stack, so its memory must not be read afterwards.
  private final class RegistersInDeinit {
    let registry: FinalizationRegistry<Int>
    let codes: Log<FinalizationError.Code>

    init(_ registry: FinalizationRegistry<Int>, _ codes: Log<FinalizationError.Code>) {
      self.registry = registry
      self.codes = codes
    }

    deinit {
      do throws(FinalizationError) { try registry.register(self, holding: 1) } catch { codes.add(error.code) }
      // As a token, it has no effect.
      let other = Anchored()
      _ = try? registry.register(other, holding: 2, unregisterToken: self)
      let weak = WeakReference(self)
      if weak.target != nil { codes.add(.inUse) }
    }
  }

  @Test("An object without an anchor cannot be registered in its deinit, and a weak reference to it is dead")
  func registerInDeinit() throws {
    let delivered = Log<Int>()
    let registry = FinalizationRegistry<Int>(name: "deinit", delivery: .manual) { delivered.add($0) }
    let codes = Log<FinalizationError.Code>()
    for _ in 0..<100 { _ = RegistersInDeinit(registry, codes) }
    try registry.drain()
    #expect(codes.all == [FinalizationError.Code](repeating: .targetIsDying, count: 100))
    #expect(delivered.all == [Int](repeating: 2, count: 100))
    #expect(registry.count == 0)
  }

  @Test("Weak references to objects that die one after the other do not fill the table of watched objects")
  func weakReferencesInTurn() async {
    await #expect(processExitsWith: .success) {
      // The least of several counts is taken, because a thread that sweeps and loses its processor keeps other threads
      // from sweeping meanwhile.
      var least = Int.max
      for number in 0..<200_000 {
        _ = WeakReference(Plain())
        if number >= 100_000, number & 1_023 == 0 { least = min(least, WatchTable.shared.count) }
      }
      guard least < 50_000 else { fatalError("\(least) objects or more, of 200,000, were watched at the same time") }
    }
  }
}
