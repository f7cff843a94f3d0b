// SPDX-License-Identifier: Apache-2.0

package import Synchronization

/// Makes a static's value at its first use, so that no forked child inherits the value half made: ``ForkGuard`` makes
/// `fork` wait until the value is complete. (If a process forks while an ordinary static is being made, its child waits
/// for ever when it uses that static.)
///
/// ```swift
/// static let table = ForkSafeLazy { Table() }  // made before `main`: see BeforeMain.swift
/// ```
///
/// A thread that may be the first to read the value must hold no lock of ForkGuard's list.
@safe package struct ForkSafeLazy<Value: Sendable>: ~Copyable, Sendable {
  /// The address of the value, which is never freed; 0 until the value is made. It is not a pointer to `Value`,
  /// optional or not: in code that is not specialised, Swift's runtime would make those types before the gate is taken.
  ///
  /// Synchronization: atomic; written once, under the gate.
  @usableFromInline let address = Atomic<UInt>(0)
  private let make: @Sendable () -> Value

  /// - Parameter make: makes the value. It is called once. It must run no code of a client, and may read other values
  ///   of this kind.
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
