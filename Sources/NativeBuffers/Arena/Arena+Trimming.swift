// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Arena {
  /// Gives idle blocks back to jemalloc, large ones first.
  ///
  /// jemalloc keeps their pages until they decay; ``purge()`` returns the pages at once. Buffers that are created and
  /// disposed meanwhile are not disturbed. ``MaintenanceThread`` does the same by itself, in time.
  ///
  /// Each thread keeps up to 2 MiB of the shared arena's blocks for itself. This gives back those of the calling
  /// thread. With a limit of 0 it also gives back those of the other threads, except for a thread that is just using
  /// them, and unless the kernel refuses `membarrier`.
  /// - Parameter limit: bytes of idle blocks that may stay.
  /// - Returns: bytes given back.
  @discardableResult
  public func trim(keeping limit: Int = 0) -> Int {
    var freed = 0
    if isShared {
      _ = ThreadCaches.withExisting { $0.empty(into: self) }
      if limit <= 0 { freed = ThreadCaches.trim(takesAll: true) }
    }
    return freed + trimDepot(keeping: max(0, limit))
  }

  /// The number of this arena's buffers that were not disposed before their last reference was released. Takes no lock,
  /// because the auditor holds the arena's lock.
  package var rescueCount: Int { depotIfMade?.rescueCount ?? 0 }
}
