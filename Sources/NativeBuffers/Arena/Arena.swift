// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import NativeSynchronization
public import ResourceLedger
import Synchronization

/// A jemalloc arena from which only this library allocates.
///
/// Its counts are the second book: jemalloc keeps them, and they are exact because allocations pass no
/// thread cache of jemalloc's. An arena lives until ``destroy()``; dropping the last reference to the
/// object changes nothing. A process has room for about 4,000 arenas, and each takes 2 MiB of address space. Each makes
/// every audit 30 to 90 µs longer, most of it for jemalloc to add up its statistics, so keep them few.
public final class Arena: Sendable {
  /// How an arena treats memory that its blocks no longer need. Bytes are 0 or more, milliseconds from -1 to 10^13
  /// (three hundred years); an arena with others is refused.
  public struct Configuration: Sendable {
    /// Bytes from which jemalloc would return a freed block to the kernel at once. The default is no such
    /// size: a freed frame keeps its pages, so that the next one faults in none.
    public var oversizeThreshold: Int
    /// Milliseconds until unused dirty pages are offered back to the kernel; -1 for never, 0 for at once. While
    /// the maintenance thread looks after the arena it does that, at the latest then; otherwise jemalloc does,
    /// on threads that allocate.
    public var dirtyDecay: Int
    /// Milliseconds until pages offered back are taken from the resident set; -1 for never, 0 for at once.
    public var muzzyDecay: Int
    /// Bytes of idle blocks that are kept for reuse. They exceed it by at most an eighth of it and one block, for at
    /// most 100 ms, while the maintenance thread runs; not at all while it is turned off. What would exceed even that is
    /// given back to jemalloc by whoever disposes it, under the arena's lock. What threads keep for themselves of the
    /// shared arena, up to 2 MiB each, is not counted.
    public var idleByteLimit: Int
    /// Milliseconds that an idle block is kept without being used; -1 for as long as there is room, 0 for not
    /// at all. The maintenance thread gives it back, with its pages, after at most this time and at least half of it.
    public var idleTime: Int
    /// Whether the kernel is asked for pages of 2 MiB where a block is large enough (`madvise`). Off: whether it gains
    /// anything is for a measurement with your sizes, see the README. The kernel gives or refuses them as it likes; a
    /// resident set may become larger by up to 2 MiB per block, and jemalloc may hand such pages to smaller blocks.
    public var prefersHugePages: Bool

    public init(
      oversizeThreshold: Int = 1 << 50, dirtyDecay: Int = 10_000, muzzyDecay: Int = 0,
      idleByteLimit: Int = 256 << 20, idleTime: Int = 10_000, prefersHugePages: Bool = false
    ) {
      self.oversizeThreshold = oversizeThreshold
      self.dirtyDecay = dirtyDecay
      self.muzzyDecay = muzzyDecay
      self.idleByteLimit = idleByteLimit
      self.idleTime = idleTime
      self.prefersHugePages = prefersHugePages
    }

    fileprivate func check(arena: String) throws(ArenaError) {
      for (property, value) in [("oversizeThreshold", oversizeThreshold), ("idleByteLimit", idleByteLimit)] {
        guard value >= 0 else {
          throw ArenaError(.invalidConfiguration(property: property, value: value), arena: arena)
        }
      }
      for (property, value) in [("dirtyDecay", dirtyDecay), ("muzzyDecay", muzzyDecay), ("idleTime", idleTime)] {
        guard (-1...10_000_000_000_000).contains(value) else {
          throw ArenaError(.invalidConfiguration(property: property, value: value), arena: arena)
        }
      }
    }
  }

  /// The arena that buffers come from where nobody names another.
  ///
  /// Ends the process if there is no room for it. Creating a buffer throws then.
  public static var shared: Arena {
    switch lateShared.value {
    case .success(let arena): arena
    case .failure(let error): fatalError("NativeBuffers: the shared arena could not be created: \(error)")
    }
  }

  /// Makes ``shared`` unless it is there.
  /// - Throws: ``ArenaError`` if there is no room for it or for the ledger; the same one every time, as this is not tried
  ///   again.
  package static func makeShared() throws(ArenaError) { _ = try lateShared.value.get() }

  private static let lateShared = ForkSafeLazy {
    Result { () throws(ArenaError) in
      try Arena(name: "shared", configuration: Configuration(), isShared: true)
    }
  }

  /// Whether this is ``shared``. Unlike a comparison it never makes that one: for code that holds a lock.
  @usableFromInline package let isShared: Bool

  /// Makes the statics of this module. To be called before `main`.
  package static func makeStatics() {
    ForkGuard.touch(lateShared)
    ArenaStatistics.makeStatics()
    ArenaDirectory.makeStatics()
    MallocCapture.makeStatics()
  }

  public let name: String
  /// jemalloc's number for it, as in `arena.<index>.purge`.
  public let index: UInt32
  /// The ledger's number for it.
  public var domain: DomainID { number.id }
  private let number: OwnedDomain
  public let configuration: Configuration

  /// The slow-path lock: memory of this arena is set aside and given back only under it, together with
  /// its ledger entry, so that the two books agree whenever it is held.
  package let lock = RankedLock(.arena)
  /// 1 once destroyed. Changes under `lock`.
  let isDestroyed = Atomic<Bool>(false)
  /// See ``depot``. Set once.
  private let depotReference = AtomicLazyReference<Depot>()
  /// Whether the process had a limit on what it maps (`ulimit -v`, `ulimit -d`) when the arena was created.
  let isMappingLimited: Bool
  /// Milliseconds until jemalloc itself purges unused pages, while no maintenance thread does.
  private let ownDirtyDecay: Int
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) var holdings = ArenaHoldings()
  /// Lives of ledger entries that the arena gave back, see LedgerEntry.endedLives.
  let retiredLives = Atomic<Int>(0)
  /// Counts down to an allocation that fails on purpose; 0 for none. For tests of exhaustion.
  package let failureCountdown = Atomic<Int>(0)

  /// Creates an arena.
  /// - Throws: ``ArenaError`` naming a value of the configuration that is not allowed, the `mallctl` key that failed,
  ///   ``ArenaError/Code/tooManyArenas(count:)``, ``ArenaError/Code/noRoomForArena``, or that the ledger is full.
  public convenience init(name: String, configuration: Configuration = Configuration()) throws(ArenaError) {
    try self.init(name: name, configuration: configuration, isShared: false)
  }

  private init(name: String, configuration: Configuration, isShared: Bool) throws(ArenaError) {
    do throws(LedgerError) { try Ledger.makeShared() } catch { throw ArenaError(.ledger(error), arena: name) }
    ArenaStatistics.prepare()
    self.isShared = isShared
    self.name = name
    self.configuration = configuration
    try configuration.check(arena: name)
    do throws(ArenaError) { index = try Mallctl.createArena() } catch { throw error.of(name) }
    isMappingLimited = ProcessMemory.nearestLimit != nil
    // Where it is limited, unused pages would take it from `malloc`: they do not wait, unless told to for ever.
    ownDirtyDecay = !isMappingLimited ? configuration.dirtyDecay : min(0, configuration.dirtyDecay)
    do throws(ArenaError) {
      try Mallctl.write("arena.\(index).oversize_threshold", size_t(max(0, configuration.oversizeThreshold)))
      try Mallctl.write("arena.\(index).dirty_decay_ms", ssize_t(ownDirtyDecay))
      try Mallctl.write("arena.\(index).muzzy_decay_ms", ssize_t(configuration.muzzyDecay))
      if isMappingLimited { try Mallctl.mapOnlyNeeded(arena: index) }
      do throws(LedgerError) { number = try Ledger.shared.addDomain(.arena, name: name) } catch {
        throw ArenaError(.ledger(error), arena: name)
      }
    } catch {
      try? Mallctl.call("arena.\(index).destroy")
      throw error
    }
    ArenaDirectory.add(self)
  }

  /// The arena's idle blocks, made at the first use: an arena without buffers needs no lists for them. Takes no lock.
  var depot: Depot { depotIfMade ?? depotReference.storeIfNil(Depot(arena: self)) }

  /// ``depot``, if something used it. Takes no lock.
  var depotIfMade: Depot? { depotReference.load() }

  /// Gives dirty and muzzy pages back to the kernel now. Idle blocks keep theirs: trim them first.
  /// Cost: `madvise` per run of pages, about 40 ms per GB; keep it off threads that must not wait.
  /// - Throws: ``ArenaError/Code/destroyed``.
  public func purge() throws(ArenaError) { try callWhileAlive("purge") }

  /// As ``purge()``, by a caller that holds ``ArenaDirectory/upkeep``.
  package func purgePages() {
    guard !isDestroyed.load(ordering: .relaxed) else { return }
    try? Mallctl.call("arena.\(index).purge")
  }

  /// Lets dirty pages wait for ``purgePages()``, or for jemalloc's own timer as configured, which purges on the
  /// threads that allocate. By a caller that holds ``ArenaDirectory/upkeep``.
  package func setPurgesItself(_ purges: Bool) {
    guard !isDestroyed.load(ordering: .relaxed) else { return }
    try? Mallctl.write("arena.\(index).dirty_decay_ms", ssize_t(purges ? ownDirtyDecay : -1))
  }

  /// Lets jemalloc give back the pages whose decay time has come.
  /// - Throws: ``ArenaError/Code/destroyed``.
  public func decay() throws(ArenaError) { try callWhileAlive("decay") }

  /// A destroyed arena's index may be another one's: the lock keeps it from being destroyed meanwhile. Not the
  /// slow path's lock: nobody who allocates is to wait for this.
  private func callWhileAlive(_ action: String) throws(ArenaError) {
    ArenaDirectory.upkeep.lock()
    defer { ArenaDirectory.upkeep.unlock() }
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    try Mallctl.call("arena.\(index).\(action)")
  }

  /// Returns everything to the kernel. Idle blocks are given back first, and maintenance of the arena that is
  /// under way is waited for. While other threads create or dispose in it, it may be refused for blocks that are
  /// just moving.
  ///
  /// Cost: what jemalloc needs to unmap it, mostly 20 to 30 µs for an arena that was never used, and 40 to 110 µs for one
  /// that was (measured on a busy machine; one in a hundred took milliseconds), 1 µs per idle block, and 100 to 400 µs per
  /// MiB whose pages were touched. With detached blocks that C freed, or where it is refused, as ``counts()`` and 64 bytes
  /// read per ledger entry. What C code put into the arena by its ``index``, past this library, goes with it.
  /// - Throws: ``ArenaError/Code/sharedArena`` for ``shared``; ``ArenaError/Code/blocksLive(count:byteCount:)`` while a
  ///   buffer, or memory allocated raw, is live; ``ArenaError/Code/destroyed`` the second time.
  public func destroy() throws(ArenaError) {
    guard !isShared else { throw ArenaError(.sharedArena, arena: name) }
    try ArenaDirectory.upkeep.withLock { () throws(ArenaError) in
      try lock.withLock { () throws(ArenaError) in
        if !isDestroyed.load(ordering: .relaxed) { _ = depotIfMade?.trimUnderLock(keeping: 0) }
        try destroyEmpty()
      }
    }
    ArenaDirectory.remove(self)
    number.giveBack()
  }

  /// No entry may name a domain whose number is given to another one. Under `lock`, with no block allocated:
  /// detached blocks were freed then, and any other entry is a ghost's, whose handle may still come back.
  private func settleEntries() throws(ArenaError) {
    var detached: [LedgerEntry] = []
    var ghosts = (count: 0, byteCount: 0)
    Ledger.shared.forEachResource { entry, snapshot in
      guard snapshot.domain == domain.number else { return }
      if snapshot.word.isDetached {
        detached.append(entry)
      } else {
        ghosts.count += 1
        ghosts.byteCount += snapshot.capacity
      }
    }
    guard ghosts.count == 0 else {
      throw ArenaError(.blocksLive(count: ghosts.count, byteCount: ghosts.byteCount), arena: name)
    }
    for entry in detached {
      _ = entry.endLife(as: .free)
      retireEntry(entry, in: .shared)
    }
  }

  /// Under `lock`.
  private func destroyEmpty() throws(ArenaError) {
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    // Only if something is left: jemalloc adds up its statistics for all arenas of the process at once.
    if unsafe !holdings.isEmpty {
      try Mallctl.refreshStatistics()
      let counts = try readCounts()
      guard counts.count == 0 else {
        throw ArenaError(.blocksLive(count: counts.count, byteCount: counts.byteCount), arena: name)
      }
      try settleEntries()
    }
    try Mallctl.call("arena.\(index).destroy")
    isDestroyed.store(true, ordering: .relaxed)
  }
}
