import ResourceLedger

/// A value that threads share, behind a POSIX lock: a thread sanitizer does not see the standard library's
/// `Mutex`, and would report every use of what that guards.
// SAFETY: `value` is used under `lock` only.
public final class Guarded<Value>: @unchecked Sendable {
  private let lock = ForkSafeLock()
  private var value: Value

  public init(_ value: Value) { self.value = value }

  public func withLock<R>(_ body: (inout Value) throws -> R) rethrows -> R {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
