// SPDX-License-Identifier: Apache-2.0

/// A reference that keeps nothing alive, hashable by the identity of its object.
///
/// Two references are equal if they were made from the same object, also after its death. A reference to a later object
/// at the same address is not equal to them. The dead object's memory stays allocated until its weak references are
/// gone; its contents do not. Reading costs a compare-and-exchange. Unlike Swift's `weak`, it does not make other
/// references to the object slower.
public struct WeakReference<T: AnyObject>: Hashable {
  /// Nil if the object was already in its deinit; all such references are equal.
  private let watch: Watch?

  /// May find objects that died, and deliver their deaths: see ``FinalizationRegistry``.
  /// - Parameter target: an object that is in its deinit counts as dead.
  public init(_ target: T) {
    watch = WatchTable.shared.watch(target)
  }

  /// The object; nil once its last strong reference was released.
  public var target: T? {
    // SAFETY: the watch was made from an object of this type.
    watch?.target.map { unsafe unsafeDowncast($0, to: T.self) }
  }

  /// Calls a closure with the object, which lives at least until it returns.
  /// - Returns: what the closure returns; nil if the object is gone.
  public func withTarget<R, E: Error>(_ body: (T) throws(E) -> R) throws(E) -> R? {
    guard let target else { return nil }
    defer { withExtendedLifetime(target) {} }
    return try body(target)
  }

  public static func == (a: WeakReference, b: WeakReference) -> Bool { a.watch === b.watch }

  public func hash(into hasher: inout Hasher) { hasher.combine(watch.map { ObjectIdentifier($0) }) }
}

extension WeakReference: Sendable where T: Sendable {}
