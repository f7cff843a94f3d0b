// SPDX-License-Identifier: Apache-2.0

package import Synchronization

/// A static's value that is made at its first use, under ``ForkGuard``'s gate, so that no forked child inherits it half
/// made.
///
/// Keep it in a `static let` that is made before `main`. A thread that may be the first to read the value must hold no
/// lock of ForkGuard's list.
@safe package struct ForkSafeLazy<Value: Sendable>: ~Copyable, Sendable {
  /// The address of the value, which is never freed; 0 until it is made. Written once, under the gate. It is not a
  /// pointer to `Value`, optional or not: in code that is not specialised, Swift's runtime would make those types
  /// before the gate is taken.
  @usableFromInline let address = Atomic<UInt>(0)
  private let make: @Sendable () -> Value

  /// - Parameter make: makes the value. It is called once, must run no code of a client, and may read other such
  ///   values.
  package init(_ make: @escaping @Sendable () -> Value) { self.make = make }

  @inlinable
  package var value: Value {
    let place = unsafe UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring)) ?? makeOnce()
    // SAFETY: `makeOnce()` put a value of this type there, which is never freed.
    return unsafe place.assumingMemoryBound(to: Value.self).pointee
  }

  package var isMade: Bool { address.load(ordering: .acquiring) != 0 }

  @usableFromInline
  @inline(never)
  func makeOnce() -> UnsafeRawPointer {
    ForkGuard.firstUse {
      // Another thread may have made the value while this one waited for the gate.
      guard !isMade else { return }
      let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
      unsafe place.initialize(to: make())
      address.store(UInt(bitPattern: place), ordering: .releasing)
    }
    // SAFETY: the value was made, by this thread or by another.
    return unsafe UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring)).unsafelyUnwrapped
  }
}
