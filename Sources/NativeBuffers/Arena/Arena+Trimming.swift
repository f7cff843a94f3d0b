// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Arena {
  /// Gives idle blocks back to jemalloc, large ones first.
  ///
  /// jemalloc keeps their pages until they decay; `purge()` returns those at once. Buffers that are created
  /// and disposed meanwhile are not disturbed. ``MaintenanceThread`` does the same by itself, in time.
  /// Of the shared arena's blocks, each thread keeps up to 2 MiB for itself: the calling thread's are given back,
  /// and with a limit of 0 those of others, too, but for a thread that is using them at that very moment and
  /// where the kernel refuses `membarrier`.
  /// - Parameter limit: bytes of idle blocks that may stay.
  /// - Returns: bytes given back.
  @discardableResult
  public func trim(keeping limit: Int = 0) -> Int {
    let depot = depot
    var freed = 0
    if isShared {
      _ = ThreadCaches.withExisting { $0.flush(to: depot) }
      if limit <= 0 { freed = ThreadCaches.trim(takesAll: true) }
    }
    return freed + depot.trim(keeping: max(0, limit))
  }

  /// Buffers of this arena whose last release found them undisposed. Takes no lock: the auditor holds it.
  package var rescueCount: Int { depotIfMade?.rescueCount ?? 0 }
}
