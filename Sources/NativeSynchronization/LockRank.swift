/// The order in which this package takes its locks: whoever holds one takes no other but of a later rank. `fork` takes all
/// of them in this order, so it waits for every holder and no holder waits for it.
///
/// A debug build checks this at every lock (``LockWitness``). No lock is held while code of a client runs, but for the
/// `==` of a cache's keys.
@usableFromInline
package enum LockRank: UInt8, CaseIterable, Sendable {
  /// The gate of ``ForkSafeLazy``: held while something is made that the process has one of.
  case firstUse
  /// The list of all locks (``ForkGuard``): no lock is made while another one is held. One may be destroyed then.
  case registration
  /// A cache's table, by the slot of each thread. Early, because the keys' `==` runs under it and may use buffers.
  case cache
  /// The sweep of watched objects, piece by piece (`WatchTable`).
  case sweep
  /// A part of the table of watched objects.
  case watchShard
  /// The registrations that hang on an anchor.
  case anchor
  /// Registrations that are held still for a look at their value (`Registration.peek`, `runsAtExit`).
  case pinning
  /// Which cleanups run at exit.
  case exitRuns
  /// Which cleanups of a registry are due.
  case deliveryQueue
  /// Whether a registry still has its books.
  case registryBooks
  /// Free registrations of a registry that no thread slot has; the ledger grows under it.
  case cellDepot
  /// Registrations of a registry, by the slot of each thread.
  case registryStripe
  /// Which descriptors were open at the start.
  case descriptors
  /// Which caches let go of memory when it is short.
  case memoryRelief
  /// Who waits for a cache's load.
  case cacheLoad
  /// The list of domains.
  case domains
  /// The care for unused memory of arenas: no arena is destroyed meanwhile.
  case upkeep
  /// The slow path of an arena. Several are held together in the order in which the arenas were made.
  case arena
  /// The list of arenas.
  case arenaDirectory
  /// The beginning and end of the maintenance thread.
  case maintenance
  /// The list of the threads' caches.
  case threadCaches
  /// Room for idle blocks that moves between a depot's stripes.
  case idleRoom
  /// Released blocks that are held back on purpose.
  case quarantine
  /// The deallocators of adopted memory.
  case adoptedMemory
  /// Spare arenas of `MallocCapture`.
  case capture
  /// The list of scopes.
  case scopes
  /// The ledger's growth.
  case ledgerGrowth
  /// The ledger's records of sites, texts and domains.
  case ledgerRecords

  /// Whether a thread may hold several locks of this rank, taken in the order in which they were made.
  package var isTakenTogether: Bool { self == .arena }
}
