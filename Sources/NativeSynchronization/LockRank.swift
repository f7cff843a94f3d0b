// SPDX-License-Identifier: Apache-2.0

/// The order in which this package takes its locks: a thread that holds a lock takes only locks of later ranks. `fork`
/// takes all locks in this order, too. So it waits for each thread that holds a lock, and no such thread waits for it.
///
/// A debug build checks this at every lock (``LockWitness``). No lock is held while code of a client runs, except for
/// the `==` of a cache's keys.
@usableFromInline
package enum LockRank: UInt8, CaseIterable, Sendable {
  /// The work of the library's own thread: see ``ForkGuard/beginWork()``.
  case ownThread
  /// The gate of ``ForkSafeLazy``: held while the one value of a static is made.
  case firstUse
  /// The list of all locks (``ForkGuard``). Its rank is early, so no lock can be made while another one is held. A lock
  /// can be destroyed then.
  case registration
  /// A cache's table: one lock for each thread slot. Its rank is early, because the keys' `==` runs under it and may
  /// use buffers.
  case cache
  /// The sweep of watched objects: held while one piece of the table is swept (`WatchTable`).
  case sweep
  /// One of the hash tables of watched objects.
  case watchShard
  /// The registrations of an anchor.
  case anchor
  /// Registrations whose value is being read, and which must not end meanwhile (`Registration.peek`, `runsAtExit`).
  case pinning
  /// The registrations whose cleanups run at exit.
  case exitRuns
  /// The queue of a registry's cleanups that are due.
  case deliveryQueue
  /// Whether a registry's books are still open.
  case registryBooks
  /// Free registrations of a registry that are in no thread slot. The ledger may grow while it is held.
  case cellDepot
  /// Registrations of a registry: one lock for each thread slot.
  case registryStripe
  /// The file descriptors that were open at the start.
  case descriptors
  /// The states of all loads of caches, with the closures that wait for them.
  case cacheLoad
  /// The list of domains.
  case domains
  /// The maintenance of arenas' unused memory. While it is held, no arena is destroyed.
  case arenaMaintenance
  /// The slow path of an arena. Several are held together in the order in which the arenas were made.
  case arena
  /// The list of arenas.
  case arenaDirectory
  /// The start and the end of the maintenance thread.
  case maintenance
  /// The list of the threads' caches.
  case threadCaches
  /// Released blocks that are held back on purpose.
  case quarantine
  /// The deallocators of adopted memory.
  case adoptedMemory
  /// The buffers whose bytes other values took over, by address (`BytesTakenOver`).
  case bytesTakenOver
  /// The spare arenas of `MallocCapture`.
  case capture
  /// What glibc's malloc counted last (`ProcessMalloc`).
  case mallocCount
  /// The list of scopes.
  case scopes
  /// The history and the peaks of a ledger. Threads only try to take it, so none waits while another one scans.
  case ledgerHistory
  /// The ledger's growth.
  case ledgerGrowth
  /// The ledger's records of sites, texts and domains.
  case ledgerRecords
  /// The ledger's clock. Threads only try to take it, so none waits while another one refreshes the clock.
  case ledgerClock
  /// No lock, but the place in `fork` where the ledger is copied for the child: when all locks are held.
  case ledgerCopy

  /// Whether a thread may hold several locks of this rank, taken in the order in which they were made.
  package var isTakenTogether: Bool { self == .arena }
}
