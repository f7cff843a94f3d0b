import Synchronization

/// Keeps what was loaded for as long as somebody uses it, and hot values a little longer.
///
///     let textures = ResourceCache<String, Texture>(name: "textures", strongByteLimit: 64 << 20) { $0.byteCount }
///     let texture = try textures.value(for: path) { try Texture(contentsOf: path) }
///
/// The cache refers to its values weakly: a value that nobody else holds dies, and its entry goes. The
/// strong tier, off at first, holds the most recently used ones up to a number of bytes.
///
/// For one key there is one load at a time, however many ask; all of them get its value, or its error. A load
/// that fails leaves nothing behind. Any thread may call anything at any time.
///
/// The keys' `hash(into:)` is called under no lock. Their `==` is called while the cache's table is locked, so it must only
/// compare: other threads that use the cache wait for it meanwhile, and so does `fork` on any thread. It must not
/// - use a cache, this one or another, or make one;
/// - use or make a registry, a weak reference, or a resource with a cleanup;
/// - be the first in the process to use buffers, arenas or audits, or anything else of this package that is made at its
///   first use (buffers may be used there if some were made before);
/// - call `fork`, or start a program by something that does;
/// - wait for another thread that does one of these.
///
/// A debug build ends the process there, with a message that names the lock `cache`, where the thread itself takes a lock of
/// this package in the wrong order, or forks. A release build waits for ever.
public final class ResourceCache<Key: Hashable & Sendable, Value: AnyObject & Sendable>: Sendable {
  @usableFromInline let storage: CacheStorage<Key, Value>
  /// Removes the entries of values that died.
  let registry: FinalizationRegistry<CacheDeath>
  private var name: String { registry.name }

  /// - Parameters:
  ///   - name: what reports call the cache's registry.
  ///   - strongByteLimit: bytes that the strong tier may hold; 0 for no strong tier. A larger value is held
  ///     weakly.
  ///   - byteCount: a value's bytes, asked for once when it was loaded.
  public init(name: String, strongByteLimit: Int = 0, byteCount: @escaping @Sendable (Value) -> Int = { _ in 0 }) {
    let storage = CacheStorage<Key, Value>(strongByteLimit: max(0, strongByteLimit), byteCount: byteCount)
    self.storage = storage
    registry = FinalizationRegistry(name: name) { death in storage.removeDead(death) }
  }

  deinit { removeAll() }

  /// The value for a key, where it is alive. Does not load, and counts as a hit or a miss.
  public func cachedValue(for key: Key) -> Value? {
    storage.ask(key, hash: CacheTable<Key, Value>.hash(key))
  }

  /// The value for a key; loads it where it is not there.
  ///
  /// Waits where somebody loads it already. Costs a hash of the key and about 40 ns where it is there.
  /// - Parameter load: called on this thread, under no lock. Two loads that each ask for what the other is
  ///   loading wait for ever.
  /// - Throws: what the load throws; ``FinalizationError/Code/recursiveLoad`` where a load, or what it calls,
  ///   asks for what it loads. Where it throws `CancellationError`, those who wait load in their turn.
  @available(*, noasync, message: "await the asynchronous value(for:load:), with an async closure: this one blocks")
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
          // Not this caller's: it asks again.
        }
      case .lead(let own, let serial):
        return try finish(own, hash: hash, serial: serial, with: Result { try LoadChain.run(own, load) })
      }
    }
  }

  /// The value for a key; loads it where it is not there. As the other `value(for:load:)`, without blocking a
  /// thread.
  ///
  /// A task that is cancelled while it waits for another one's load waits to that load's end.
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
          // The loader's task was cancelled; this one goes on unless it was, too.
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
      // Where the ledger is full the value is handed out and not kept.
      let registration = try? registry.register(value, holding: CacheDeath(hash: hash, serial: serial))
    {
      storage.keep(value, hash: hash, serial: serial, registration: registration)
    } else {
      storage.abandon(hash: hash, serial: serial)
    }
    load.finish(outcome)
    return try outcome.get()
  }

  /// Forgets every value. Those that others hold live on; loads under way are handed out and not kept.
  public func removeAll() { storage.removeAll() }

  /// Lets go of strong values, least recently used first.
  /// - Parameter byteCount: bytes that may stay strong.
  /// - Returns: bytes let go of.
  @discardableResult
  public func trim(keeping byteCount: Int = 0) -> Int { storage.evict(keeping: max(0, byteCount)) }

  /// Waits until the entries of values that died before the call are removed.
  @available(*, noasync, message: "it blocks the thread")
  public func flush() { registry.flush() }

  /// Entries, those whose value died just now or is being loaded included.
  public var count: Int { storage.count }

  /// Bytes that the strong tier holds.
  public var strongByteCount: Int { storage.strongByteCount }

  /// What happened so far.
  public var statistics: CacheStatistics { storage.statistics }
}
