import CNativeRuntime
import Synchronization

/// The anchor of an object that has none of its own: the object is watched through an unowned reference, so
/// its address stays its own, and asking whether it died never makes the asker an owner.
// SAFETY: `object` is unowned-retained as long as this exists.
@safe final class Watch: FinalizationAnchor, @unchecked Sendable {
  let object: UnsafeMutableRawPointer
  /// Where a sweep took it out of the table together with others.
  @exclusivity(unchecked) var nextRemoved: Unmanaged<Watch>?

  init(_ object: AnyObject) {
    // SAFETY: undone in deinit.
    unsafe self.object = swift_unownedRetain(Unmanaged.passUnretained(object).toOpaque())
    super.init()
  }

  deinit { unsafe swift_unownedRelease(object) }

  /// Whether an object's deinit has begun.
  static func isDying(_ object: AnyObject) -> Bool {
    unsafe swift_isDeallocating(Unmanaged.passUnretained(object).toOpaque())
  }

  /// The object, where its deinit has not begun.
  var target: AnyObject? {
    guard let object = unsafe swift_tryRetain(object) else { return nil }
    // SAFETY: retained just now.
    return unsafe Unmanaged<AnyObject>.fromOpaque(object).takeRetainedValue()
  }

  /// Whether the watched object at an address died: its deinit has ended, and nobody but the watch holds an
  /// unowned reference to it.
  ///
  /// Deinit ending takes one unowned reference away; only when the watch's is the last one is it certain
  /// that it has ended, and no deinit still uses what a cleanup is about to release.
  @inline(__always)
  static func isGone(_ address: UInt) -> Bool {
    // SAFETY: the caller knows of a watch of this address, which keeps the object's header.
    guard let object = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return false }
    return unsafe swift_isDeallocating(object) && swift_unownedRetainCount(object) == 1
  }
}
