// SPDX-License-Identifier: Apache-2.0

import Finalization
import Synchronization
import TestSupport

/// An object that reports its death at once.
// SAFETY: subclasses in these tests have constants only.
class Anchored: Finalizable, @unchecked Sendable {
  let finalizationAnchor = FinalizationAnchor()
}

/// An object whose death must be found by a sweep.
// SAFETY: as above.
class Plain: @unchecked Sendable {}

/// The record to which cleanups report.
final class Log<Element: Sendable>: Sendable {
  private let entries = Guarded<[Element]>([])

  func add(_ element: Element) { entries.withLock { $0.append(element) } }
  var all: [Element] { entries.withLock { $0 } }
  var count: Int { entries.withLock { $0.count } }
}

struct Failure: Error, Equatable {
  let number: Int
}

/// A reference, which two threads may pass on, to an object that is made to be released.
// SAFETY: used only under the mutex.
final class Holder<Object: AnyObject>: @unchecked Sendable {
  private let object: Guarded<Box>

  // SAFETY: moved out and in under the mutex only.
  private struct Box: @unchecked Sendable {
    var object: Object?
  }

  init(_ object: Object) { self.object = Guarded(Box(object: object)) }

  /// The object; nil once it was released. It lives as long as the caller keeps the result.
  var current: Object? { object.withLock { Box(object: $0.object) }.object }

  func release() {
    let last = object.withLock { box in
      defer { box.object = nil }
      return Box(object: box.object)
    }
    _ = last
  }
}
