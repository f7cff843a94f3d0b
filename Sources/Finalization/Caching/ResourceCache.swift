// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Keeps loaded values while they are in use, and recently used values a little longer.
///
///     let textures = ResourceCache<String, Texture>(name: "textures", strongByteLimit: 64 << 20) { $0.byteCount }
///     let texture = try textures.value(for: path) { try Texture(contentsOf: path) }
///
/// The cache refers to its values weakly: a value that nothing else holds dies, and its entry is removed. The strong
/// tier, which is off by default, holds the most recently used values, up to a number of bytes.
///
/// What the strong tier holds is no leak: reports leave it out. For that, the value must be a buffer, a
/// ``NativeResource`` or a file descriptor, or its class must be a `CacheableResource`, which is told when the strong
/// tier begins and stops to hold it. Values that are held weakly are in reports like all others, because the program
/// holds them elsewhere.
///
/// The limit counts what values take: of a `CacheableResource`, its `CacheableResource/allocatedByteCount`. For a
/// buffer that is the size of its block, which is more than the bytes that were asked for. A closure can count
/// something else. Memory that an evicted value gives back is not counted; the arena may keep it for the next one, up
/// to its own limit (`Arena.Configuration.idleByteLimit`).
///
/// For one key there is at most one load at a time. All callers that ask for the key meanwhile get the value or the
/// error of that load. A load that fails leaves nothing behind. Any thread may call any method at any time.
///
/// The keys' `hash(into:)` is called under no lock. Their `==` is called while the cache's table is locked, so it must
/// only compare: other threads that use the cache wait for it, and so does `fork` on any thread. It must not
/// - use a cache, this one or another, or make one;
/// - use or make a registry, a weak reference, or a resource with a cleanup;
/// - be the first in the process to use buffers, arenas or audits, or anything else of this package that is made at its
///   first use (buffers may be used there if some were made before);
/// - call `fork`, or start a program with a function that does;
/// - wait for another thread that does one of these.
///
/// If the thread forks there, or takes a lock of this package in the wrong order, a debug build ends the process with a
/// message that names the lock `cache`. A release build waits for ever.
public final class ResourceCache<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
  @usableFromInline let storage: CacheStorage<Key, Value>
  /// Removes the entries of values that died.
  let registry: FinalizationRegistry<CacheDeath>
  private var name: String { registry.name }

  /// - Parameters:
  ///   - name: the name of the cache's registry in reports.
  ///   - strongByteLimit: bytes that the strong tier may hold; 0 for no strong tier. A value that has more bytes is
  ///     only held weakly.
  ///   - byteCount: gives the bytes of a value. It is called at most once for each load, after the load. Nil for
  ///     `CacheableResource/allocatedByteCount`. Every value counts at least 1, also one that says no size.
  public init(name: String, strongByteLimit: Int = 0, byteCount: (@Sendable (Value) -> Int)? = nil) {
    let byteCount = byteCount ?? { ($0 as? any CacheableResource)?.allocatedByteCount ?? 0 }
    let storage = CacheStorage<Key, Value>(strongByteLimit: max(0, strongByteLimit), byteCount: byteCount)
    self.storage = storage
    registry = FinalizationRegistry(name: name) { death in storage.removeDead(death) }
  }

  deinit { removeAll() }

  /// The value for a key; nil if it is not there or not alive. Does not load, and counts as a hit or a miss.
  public func cachedValue(for key: Key) -> Value? {
    storage.ask(key, hash: CacheTable<Key, Value>.hash(key))
  }

  /// The value for a key; loads it if it is not there.
  ///
  /// If another caller is already loading the value, this call waits. If the value is there, the call costs a hash of
  /// the key and about 40 ns.
  /// - Parameters:
  ///   - load: called on this thread, under no lock. Two loads that each ask for the value that the other one is
  ///     loading wait for ever.
  ///   - key: What the value is kept under.
  /// - Throws: what the load throws; ``FinalizationError/Code/recursiveLoad`` if a load, or what it calls, asks for the
  ///   value that it is loading. If a load throws `CancellationError`, the callers that wait for it load in their turn.
  // Disfavoured, so that in asynchronous code a closure that awaits nothing gets the other one.
  @available(*, noasync, message: "await the asynchronous value(for:load:): this one blocks")
  @_disfavoredOverload
  @inlinable
  public func value(for key: Key, load: () throws -> Value) throws -> Value {
    let hash = CacheTable<Key, Value>.hash(key)
    if let value = storage.hit(key, hash: hash) { return value }
    return try loadValue(for: key, hash: hash, with: load)
  }

  @usableFromInline
  func loadValue(for key: Key, hash: Int, with load: () throws -> Value) throws -> Value {
    while true {
      switch storage.begin(key, hash: hash) {
      case .found(let value): return value
      case .join(let other):
        if LoadChain.contains(other) { throw FinalizationError(.recursiveLoad(cache: name)) }
        do { return try other.wait() } catch is CancellationError {
          // Another caller was cancelled, not this one, which asks again.
        }
      case .lead(let own, let serial):
        return try finish(own, hash: hash, serial: serial, with: Result { try LoadChain.run(own, load) })
      }
    }
  }

  /// The value for a key; loads it if it is not there. The same as the other `value(for:load:)`, but without blocking a
  /// thread.
  ///
  /// If a task is cancelled while it waits for the load of another task, it still waits until that load ends.
  public func value(
    for key: Key, isolation: isolated (any Actor)? = #isolation, load: () async throws -> Value
  ) async throws -> Value {
    let hash = CacheTable<Key, Value>.hash(key)
    if let value = storage.hit(key, hash: hash) { return value }
    while true {
      switch storage.begin(key, hash: hash) {
      case .found(let value): return value
      case .join(let other):
        if LoadChain.contains(other) { throw FinalizationError(.recursiveLoad(cache: name)) }
        do { return try await other.wait() } catch is CancellationError {
          // The task that loads was cancelled. This task goes on, unless it was cancelled, too.
          try Task.checkCancellation()
        }
      case .lead(let own, let serial):
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await LoadChain.run(own, load)) } catch { outcome = .failure(error) }
        return try finish(own, hash: hash, serial: serial, with: outcome)
      }
    }
  }

  private func finish(
    _ load: CacheLoad<Value>, hash: Int, serial: UInt64, with outcome: Result<Value, any Error>
  ) throws -> Value {
    if case .success(let value) = outcome,
      // If the ledger is full, the value is returned but not kept.
      let registration = try? registry.register(value, holding: CacheDeath(hash: hash, serial: serial))
    {
      // The registration is the cache's own: no client forgot to end it.
      registration.setHeldByCache()
      storage.keep(value, hash: hash, serial: serial, registration: registration)
    } else {
      storage.abandon(hash: hash, serial: serial)
    }
    load.finish(outcome)
    return try outcome.get()
  }

  /// Forgets every value. Values that are held elsewhere stay alive. Values that are being loaded are returned to their
  /// callers, but not kept.
  public func removeAll() { storage.removeAll() }

  /// Makes strong values weak, the least recently used first.
  /// - Parameter byteCount: bytes that may stay strong.
  /// - Returns: the bytes of the values that it made weak.
  @discardableResult
  public func trim(keeping byteCount: Int = 0) -> Int { storage.evict(keeping: max(0, byteCount)) }

  /// Waits until the entries of values that died before the call are removed.
  @available(*, noasync, message: "await flush() does not block the thread")
  public func flush() { registry.flush() }

  /// Waits until the entries of values that died before the call are removed, without blocking a thread of the
  /// concurrency pool, unless there is no room for another thread.
  public func flush() async { await registry.flush() }

  /// The number of entries, including those whose value has just died or is being loaded.
  public var count: Int { storage.count }

  /// Bytes that the strong tier holds, as `byteCount` or `CacheableResource/allocatedByteCount` counted them.
  public var strongByteCount: Int { storage.strongByteCount }

  /// What has happened in the cache so far.
  public var statistics: CacheStatistics { storage.statistics }
}
