import Finalization
import ResourceLedger
import Synchronization
import TestSupport

/// Dies and says so at once.
// SAFETY: subclasses in these tests have constants only.
class Anchored: Finalizable, @unchecked Sendable {
  let finalizationAnchor = FinalizationAnchor()
}

/// Dies and has to be found.
// SAFETY: as above.
class Plain: @unchecked Sendable {}

/// What cleanups report to. Behind a POSIX lock: a thread sanitizer does not see the standard library's `Mutex`.
// SAFETY: `entries` is used under `lock` only.
final class Log<Element: Sendable>: @unchecked Sendable {
  private let lock = ForkSafeLock()
  private var entries: [Element] = []

  func add(_ element: Element) { lock.withLock { entries.append(element) } }
  var all: [Element] { lock.withLock { entries } }
  var count: Int { lock.withLock { entries.count } }
}

struct Failure: Error, Equatable {
  let number: Int
}

/// A reference that two threads may pass on, of an object that is made to be let go.
// SAFETY: behind the mutex.
final class Holder<Object: AnyObject>: @unchecked Sendable {
  private let object: Guarded<Box>

  // SAFETY: moved out and in under the mutex only.
  private struct Box: @unchecked Sendable {
    var object: Object?
  }

  init(_ object: Object) { self.object = Guarded(Box(object: object)) }

  /// The object, nil once released. Whoever has it keeps it alive.
  var current: Object? { object.withLock { Box(object: $0.object) }.object }

  func release() {
    let last = object.withLock { box in
      defer { box.object = nil }
      return Box(object: box.object)
    }
    _ = last
  }
}
