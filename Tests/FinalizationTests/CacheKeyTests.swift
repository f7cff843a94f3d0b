// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

/// What a cache's keys may do, and what a debug build says if their `==` does what it must not do.
@Suite("Keys of caches")
struct CacheKeyTests {
  /// All keys have the same hash, so that each use of the table compares keys.
  private struct Key: Hashable, Sendable {
    var number = 0
    var onHash: @Sendable () -> Void = {}
    var onEqual: @Sendable () -> Void = {}

    func hash(into hasher: inout Hasher) { onHash() }
    static func == (a: Key, b: Key) -> Bool {
      a.onEqual()
      b.onEqual()
      return a.number == b.number
    }
  }

  private typealias Cache = ResourceCache<Key, Anchored>

  /// Compares a key that does something with one that the cache has.
  private static func compare(in cache: Cache = Cache(name: "compared"), _ body: @escaping @Sendable () -> Void) {
    let value = try? cache.value(for: Key()) { Anchored() }
    _ = cache.cachedValue(for: Key(number: 1, onEqual: body))
    withExtendedLifetime(value) {}
  }

  @Test("No lock is held while a key is hashed, so hashing may fork, and may use and make caches and registries")
  func hashing() async {
    await #expect(processExitsWith: .exitCode(0)) { Self.useWhileHashing() }
  }

  private static func useWhileHashing() -> Never {
    let cache = Cache(name: "hashed")
    guard let value = try? cache.value(for: Key(), load: { Anchored() }) else { exit(1) }
    let key = Key(onHash: {
      guard let other = cache.cachedValue(for: Key()), other === value else { exit(2) }
      let registry = FinalizationRegistry<Int>(name: "made") { _ in }
      guard (try? registry.register(value, holding: 1).cancel()) == 1 else { exit(3) }
      _ = Cache(name: "made")
      let child = Forking.fork()
      if child == 0 { _exit(7) }
      guard Forking.status(of: child) == 7 << 8 else { exit(4) }
    })
    guard let again = try? cache.value(for: key, load: { Anchored() }), again === value else { exit(5) }
    exit(0)
  }

  @Test("A key's equality may use buffers if some were made before")
  func equality() async {
    await #expect(processExitsWith: .exitCode(0)) {
      try NativeBuffer(byteCount: 10).dispose()
      let count = Guarded(0)
      Self.compare {
        if (try? NativeBuffer(byteCount: 100_000))?.dispose() == true { count.withLock { $0 += 1 } }
      }
      exit(count.withLock { $0 } > 0 ? 0 : 1)
    }
  }

  #if DEBUG
    enum Misuse: String, CaseIterable, Codable, Sendable {
      case forks, usesTheCache, usesAnotherCache, makesACache, makesARegistry, usesBuffersFirst

      func commit() {
        let (compared, other) = (Cache(name: "compared"), Cache(name: "other"))
        CacheKeyTests.compare(in: compared) {
          switch self {
          case .forks: if Forking.fork() == 0 { _exit(0) }
          case .usesTheCache: _ = compared.cachedValue(for: Key())
          case .usesAnotherCache: _ = other.cachedValue(for: Key())
          case .makesACache: _ = Cache(name: "made")
          case .makesARegistry: _ = FinalizationRegistry<Int>(name: "made") { _ in }
          case .usesBuffersFirst: _ = try? NativeBuffer(byteCount: 10)
          }
        }
      }

      var complaint: String {
        switch self {
        case .forks: "calls fork"
        case .usesTheCache, .usesAnotherCache: "takes a lock `cache`"
        case .makesACache, .makesARegistry: "takes a lock `registration`"
        case .usesBuffersFirst: "takes a lock `firstUse`"
        }
      }
    }

    @Test(
      "If a key's equality does what would stop a release build for ever, a debug build ends with an explanation",
      arguments: Misuse.allCases)
    func equalityInDebugBuild(
      _ misuse: Misuse
    ) async {
      let outcome = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [misuse] in
        misuse.commit()
      }
      let text = String(decoding: outcome?.standardErrorContent ?? [], as: UTF8.self)
      #expect(text.contains("a thread that holds a lock `cache` \(misuse.complaint)"), "\(text)")
      #expect(text.contains("The `==` of a cache's keys runs under that lock"), "\(text)")
    }
  #endif
}
