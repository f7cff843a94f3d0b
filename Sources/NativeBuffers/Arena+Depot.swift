import CThreadState
public import JemallocArenas
import ResourceLedger

extension Arena {
  /// Gives idle blocks back to jemalloc, large ones first.
  ///
  /// jemalloc keeps their pages until they decay; `purge()` returns those at once. Buffers that are created
  /// and disposed meanwhile are not disturbed.
  /// Of the shared arena's blocks, each thread keeps up to 2 MiB for itself; those of the calling thread
  /// are given back, those of others stay until their threads end.
  /// - Parameter limit: bytes of idle blocks that may stay.
  /// - Returns: bytes given back.
  @discardableResult
  public func trim(keeping limit: Int = 0) -> Int {
    let depot = Depot.of(self)
    if self === Arena.shared { unsafe ThreadCache(cthreadstate_cache())?.flush(to: depot) }
    return depot.trim(keeping: max(0, limit))
  }

  /// Buffers of this arena whose last release found them undisposed. Takes no lock: the auditor holds it.
  package var rescueCount: Int { Depot.attached(to: self)?.rescueCount ?? 0 }
}
