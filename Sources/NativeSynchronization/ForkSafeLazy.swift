package import Synchronization

/// A static's value that is made at its first use, behind ``ForkGuard``'s gate: no child inherits it half made.
///
/// Keep it in a `static let` that is made before `main`. A thread that may be the first to read the value must hold none
/// of ForkGuard's locks.
@safe package struct ForkSafeLazy<Value: Sendable>: ~Copyable, Sendable {
  /// Where the value is, for ever; 0 until it is made. No pointer to `Value`, and no optional one: in code that is not
  /// specialised, Swift's runtime would make those types before the gate.
  @usableFromInline let address = Atomic<UInt>(0)
  private let make: @Sendable () -> Value

  /// - Parameter make: runs once, and no code of a client's. It may read other such values.
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
      // Another thread may have been in the gate before.
      guard !isMade else { return }
      let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
      unsafe place.initialize(to: make())
      address.store(UInt(bitPattern: place), ordering: .releasing)
    }
    // SAFETY: made now, by this thread or another.
    return unsafe UnsafeRawPointer(bitPattern: address.load(ordering: .acquiring)).unsafelyUnwrapped
  }
}
