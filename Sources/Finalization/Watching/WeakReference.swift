/// A reference that keeps nothing alive, hashable by the identity of its object.
///
/// Two references are equal where they were made from the same object, also after its death; one to a later
/// object at the same address is another. The dead object's memory, not its contents, stays until its weak
/// references are gone. Reading costs a compare-and-exchange, and makes other references to the object no
/// slower, as Swift's `weak` does.
public struct WeakReference<T: AnyObject>: Hashable {
  /// Nil where the object was in its deinit already.
  private let watch: Watch?

  /// May find objects that died, and deliver their deaths: see ``FinalizationRegistry``.
  /// - Parameter target: one that is in its deinit counts as dead.
  public init(_ target: T) {
    watch = WatchTable.shared.watch(target)
  }

  /// The object, nil once its last reference was released.
  public var target: T? {
    // SAFETY: the watch was made from an object of this type.
    watch?.target.map { unsafe unsafeDowncast($0, to: T.self) }
  }

  /// Calls a closure with the object, which lives at least until it returns.
  /// - Returns: what the closure returns; nil where the object is gone.
  public func withTarget<R, E: Error>(_ body: (T) throws(E) -> R) throws(E) -> R? {
    guard let target else { return nil }
    defer { withExtendedLifetime(target) {} }
    return try body(target)
  }

  public static func == (a: WeakReference, b: WeakReference) -> Bool { a.watch === b.watch }

  public func hash(into hasher: inout Hasher) { hasher.combine(watch.map { ObjectIdentifier($0) }) }
}

extension WeakReference: Sendable where T: Sendable {}
