public import CNativeRuntime
import Synchronization

/// One key of a cache. Fixed when it is made, but for what is said to change, in a write section of its cache.
// SAFETY: see above; `stamp` is atomic. `watch` keeps what `object` points to.
@usableFromInline
@safe final class CacheEntry<Key: Hashable & Sendable, Value: AnyObject & Sendable>: @unchecked Sendable {
  @usableFromInline let key: Key
  @usableFromInline let hash: Int
  /// Unlike any other entry's of the cache, so that a late cleanup knows its own.
  let serial: UInt64
  /// The value, held weakly; nil while it is being loaded. Set once.
  @exclusivity(unchecked) @usableFromInline private(set) var object: UnsafeMutableRawPointer?
  private var watch: Watch?
  /// Where the value is being loaded. Changes.
  var load: CacheLoad<Value>?
  private(set) var registration: FinalizationRegistry<CacheDeath>.Registration?
  /// Where the strong tier has it. Changes.
  var strong: Value? {
    didSet { unsafe isStrong = strong != nil }
  }
  @exclusivity(unchecked) @usableFromInline private(set) var isStrong = false
  @exclusivity(unchecked) @usableFromInline private(set) var byteCount = 0
  /// When it was last used, in ticks.
  @usableFromInline let stamp = Atomic<UInt64>(0)

  init(key: Key, hash: Int, serial: UInt64, load: CacheLoad<Value>) {
    self.key = key
    self.hash = hash
    self.serial = serial
    self.load = load
  }

  /// Gives an entry whose load is over its value.
  func settle(
    _ watch: Watch, registration: FinalizationRegistry<CacheDeath>.Registration, byteCount: Int
  ) {
    load = nil
    self.registration = registration
    unsafe self.byteCount = byteCount
    self.watch = watch
    unsafe object = watch.object
  }

  /// The value, where it is alive.
  var value: Value? {
    guard let retained = unsafe retainedValue() else { return nil }
    // SAFETY: retained just now; a Value, see `settle`.
    return unsafe Unmanaged<Value>.fromOpaque(retained).takeRetainedValue()
  }

  /// The same with a reference counted that the caller gives back.
  @inlinable
  @inline(__always)
  func retainedValue() -> UnsafeMutableRawPointer? {
    guard let object = unsafe object else { return nil }
    return unsafe swift_tryRetain(object)
  }
}

/// What a cache knows of a value that died.
@usableFromInline
struct CacheDeath: Sendable {
  let hash: Int
  let serial: UInt64
}
