// SPDX-License-Identifier: Apache-2.0

/// A reference to an object. Two threads may use and release it at the same time.
public final class Holder<Object: AnyObject>: Sendable {
  private let object: Guarded<Box>

  // SAFETY: moved out and in under the lock only.
  private struct Box: @unchecked Sendable {
    var object: Object?
  }

  public init(_ object: Object) { self.object = Guarded(Box(object: object)) }

  /// The object; nil once it was released. It lives as long as the caller keeps the result.
  public var current: Object? { object.withLock { Box(object: $0.object) }.object }

  public func release() {
    let last = object.withLock { box in
      defer { box.object = nil }
      return Box(object: box.object)
    }
    _ = last
  }

  /// Calls a closure with the object. Nil if the object was released.
  @discardableResult
  public func with<R>(_ body: (Object) throws -> R) rethrows -> R? {
    guard let object = current else { return nil }
    return try body(object)
  }
}
