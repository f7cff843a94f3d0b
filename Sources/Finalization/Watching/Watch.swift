// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Synchronization

/// The anchor of an object that stores none. It holds an unowned reference to the object, so that no other object gets
/// the address, and so that a test whether the object died does not retain it.
// SAFETY: `object` is unowned-retained as long as this exists. Only the sweep that took the watch out of the table uses
// `nextRemoved`.
@safe final class Watch: FinalizationAnchor, @unchecked Sendable {
  let object: UnsafeMutableRawPointer
  /// The next of the watches that the same piece of a sweep took out of the table.
  @exclusivity(unchecked) var nextRemoved: Unmanaged<Watch>?

  init(_ object: AnyObject) {
    // SAFETY: the deinit releases it.
    unsafe self.object = swift_unownedRetain(Unmanaged.passUnretained(object).toOpaque())
    super.init()
  }

  deinit { unsafe swift_unownedRelease(object) }

  /// Whether an object's deinit has begun.
  static func isDying(_ object: AnyObject) -> Bool {
    unsafe swift_isDeallocating(Unmanaged.passUnretained(object).toOpaque())
  }

  /// The object; nil if its deinit has begun.
  var target: AnyObject? {
    guard let object = unsafe swift_tryRetain(object) else { return nil }
    // SAFETY: retained just now.
    return unsafe Unmanaged<AnyObject>.fromOpaque(object).takeRetainedValue()
  }

  /// Whether the watched object at an address died: its deinit has ended, and only the watch holds an unowned reference
  /// to it.
  ///
  /// The end of the deinit takes one unowned reference away. So it is only certain that the deinit has ended, and no
  /// longer uses what a cleanup is about to release, if the watch's unowned reference is the last one.
  @inline(__always)
  static func isGone(_ address: UInt) -> Bool {
    // SAFETY: the caller knows that a watch of this address exists, which keeps the object's header.
    guard let object = unsafe UnsafeMutableRawPointer(bitPattern: address) else { return false }
    return unsafe swift_isDeallocating(object) && swift_unownedRetainCount(object) == 1
  }
}
