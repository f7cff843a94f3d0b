// SPDX-License-Identifier: Apache-2.0

import Finalization
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

/// What cleanups report to.
final class Log<Element: Sendable>: Sendable {
  private let entries = Guarded<[Element]>([])

  func add(_ element: Element) { entries.withLock { $0.append(element) } }
  var all: [Element] { entries.withLock { $0 } }
  var count: Int { entries.withLock { $0.count } }
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
