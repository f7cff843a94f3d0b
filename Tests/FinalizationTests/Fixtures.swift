// SPDX-License-Identifier: Apache-2.0

import Finalization

/// An object that reports its death at once.
// SAFETY: subclasses in these tests have constants only.
class Anchored: Finalizable, @unchecked Sendable {
  let finalizationAnchor = FinalizationAnchor()
}

/// An object whose death must be found by a sweep.
// SAFETY: as above.
class Plain: @unchecked Sendable {}

struct Failure: Error, Equatable {
  let number: Int
}
