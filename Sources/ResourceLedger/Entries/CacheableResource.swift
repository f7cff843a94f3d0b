// SPDX-License-Identifier: Apache-2.0

/// A resource, or the owner of resources, that can be marked as held by a cache, so that no report calls it a leak.
///
/// A `ResourceCache` marks each value of this type while its strong tier holds the value. Buffers, native resources,
/// file descriptors and bitmaps have these members. A class that owns some of them passes the calls on:
///
///     final class Texture: CacheableResource, Sendable {
///       let pixels: NativeBuffer
///       init(pixels: NativeBuffer) { self.pixels = pixels }
///       func setHeldByCache(_ isHeld: Bool) { pixels.setHeldByCache(isHeld) }
///       var allocatedByteCount: Int { pixels.allocatedByteCount }
///     }
///
/// Values of other types may be in a cache, too, but what they own is `held` in reports like everything else. The
/// protocol does not ask for `Sendable`, because a native resource conforms whatever its handle is; the values of a
/// cache are `Sendable` in any case.
public protocol CacheableResource {
  /// Marks what the value owns at this time, or ends the mark.
  ///
  /// There is one mark for each resource. If two caches hold a resource, or one cache under two keys, the mark ends as
  /// soon as the first of them does not hold it any more.
  ///
  /// A cache calls this on the thread that fills or trims it, under no lock, and for one value perhaps on several
  /// threads at the same time. The method should be quick. It may be called for resources that were disposed.
  func setHeldByCache(_ isHeld: Bool)

  /// The bytes that the value's resources take at this time. 0 if the type does not say it.
  ///
  /// A `ResourceCache` that has no closure for the size of its values asks for this, once for each value, after its
  /// load and under no lock.
  var allocatedByteCount: Int { get }
}

extension CacheableResource {
  public var allocatedByteCount: Int { 0 }
}
