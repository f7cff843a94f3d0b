// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
import Synchronization

/// One key of a cache, with its value or the load of its value. Its variables change only in a write section of its
/// cache.
// SAFETY: see above; `stamp` is atomic. `watch` keeps the memory that `object` points to.
@usableFromInline
@safe final class CacheEntry<Key: Hashable & Sendable, Value: AnyObject & Sendable>: @unchecked Sendable {
  @usableFromInline let key: Key
  @usableFromInline let hash: Int
  /// Unique in the cache, so that a late cleanup removes only the entry that it was registered for.
  let serial: UInt64
  /// The value, held weakly; nil while it is being loaded. Set once.
  @exclusivity(unchecked) @usableFromInline private(set) var object: UnsafeMutableRawPointer?
  private var watch: Watch?
  /// The load of the value; nil once it is over.
  var load: CacheLoad<Value>?
  private(set) var registration: FinalizationRegistry<CacheDeath>.Registration?
  /// The value, if the strong tier holds it.
  var strong: Value? {
    didSet { unsafe isStrong = strong != nil }
  }
  @exclusivity(unchecked) @usableFromInline private(set) var isStrong = false
  @exclusivity(unchecked) @usableFromInline private(set) var byteCount = 0
  /// When the value was last used, in ticks.
  @usableFromInline let stamp = Atomic<UInt64>(0)

  init(key: Key, hash: Int, serial: UInt64, load: CacheLoad<Value>) {
    self.key = key
    self.hash = hash
    self.serial = serial
    self.load = load
  }

  /// Gives the entry the value of its load, which is over.
  func finishLoad(
    _ watch: Watch, registration: FinalizationRegistry<CacheDeath>.Registration, byteCount: Int
  ) {
    load = nil
    self.registration = registration
    unsafe self.byteCount = byteCount
    self.watch = watch
    unsafe object = watch.object
  }

  /// The value; nil if it is not alive.
  var value: Value? {
    guard let retained = unsafe retainedValue() else { return nil }
    // SAFETY: retained just now; it is a `Value`, because `finishLoad` got the watch of one.
    return unsafe Unmanaged<Value>.fromOpaque(retained).takeRetainedValue()
  }

  /// The same as a pointer with one strong reference, which the caller releases.
  @inlinable
  @inline(__always)
  func retainedValue() -> UnsafeMutableRawPointer? {
    guard let object = unsafe object else { return nil }
    return unsafe swift_tryRetain(object)
  }
}

/// Names the entry of a value, for the cleanup after its death.
@usableFromInline
struct CacheDeath: Sendable {
  let hash: Int
  let serial: UInt64
}
