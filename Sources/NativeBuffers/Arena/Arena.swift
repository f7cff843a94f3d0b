// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import NativeSynchronization
public import ResourceLedger
import Synchronization

/// A jemalloc arena from which only this library allocates. Buffers come from ``shared`` if no arena is named; an arena
/// of its own keeps apart, and limits, what one part of a program keeps idle.
///
///     let arena = try Arena(name: "frames", configuration: .init(idleByteLimit: 64 << 20))
///     let frame = try NativeBuffer(uninitializedByteCount: 8_294_400, arena: arena)
///     frame.dispose()
///     try arena.destroy()
///
/// ```text
/// new buffer ◄─ thread cache ◄─ depot ◄─ jemalloc arena ◄─ kernel
///               (only shared)   (idle)   (free, dirty)
/// dispose()  ─► thread cache ─► depot ─► jemalloc arena ─► kernel
///                                  (by the maintenance thread)
/// ```
///
/// If the kernel gives names to memory (`CONFIG_ANON_VMA_NAME`), `pmap` and `smem` show what an arena maps after its
/// creation as "native-buffers:" and the arena's name. jemalloc then fills a zeroed block that has used pages itself,
/// so all of the block is resident; without names, it gets new pages from the kernel, which are resident once they are
/// touched.
///
/// Its counts are the second book: jemalloc keeps them, and they are exact because allocations do not pass through
/// jemalloc's thread caches. An arena lives until ``destroy()``; dropping the last reference to the object changes
/// nothing. A process has room for about 4,000 arenas, and each takes 2 MiB of address space. Each makes every audit 30
/// to 90 µs longer, mostly because jemalloc adds up its statistics, so keep them few.
public final class Arena: Sendable {
  /// How an arena treats memory that its blocks no longer need. Bytes and times must be 0 or more, and times at most
  /// 10^10 seconds (three hundred years): creating an arena with other values throws. Times count in whole
  /// milliseconds.
  public struct Configuration: Sendable {
    /// From this many bytes on, jemalloc returns a freed block to the kernel at once. The default is larger than any
    /// block can be, so a freed frame keeps its pages and the next frame causes no page faults for them.
    public var oversizeThreshold: Int
    /// The time until unused dirty pages are given back to the kernel at the latest; nil for never, zero for at once.
    /// While the maintenance thread looks after the arena, that thread gives them back; otherwise jemalloc does, on
    /// threads that allocate.
    public var dirtyDecay: Duration?
    /// The time until pages offered back are taken from the resident set; nil for never, zero for at once.
    public var muzzyDecay: Duration?
    /// Bytes of idle blocks that are kept for reuse. While the maintenance thread runs, idle blocks exceed this limit
    /// for at most 100 ms, and by at most an eighth of it and one block; while that thread is turned off, they do not
    /// exceed it. A block that would exceed even that is given back to jemalloc by the thread that disposes it, under
    /// the arena's lock. The blocks that threads keep of the shared arena, up to 2 MiB each, are not counted.
    public var idleByteLimit: Int
    /// The time that an idle block is kept without being used; nil for as long as there is room, zero for not at all.
    /// The maintenance thread gives the block back, with its pages, after at most this time and at least half of it.
    public var idleTime: Duration?
    /// Whether the kernel is asked for pages of 2 MiB (`madvise`) if a block is large enough. Off by default: measure
    /// with your sizes whether it gains anything, see <doc:Figures>. The kernel may give or refuse such pages. The
    /// resident set may become larger by up to 2 MiB per block, and jemalloc may use such pages for smaller blocks.
    public var prefersHugePages: Bool

    public init(
      oversizeThreshold: Int = 1 << 50, dirtyDecay: Duration? = .seconds(10), muzzyDecay: Duration? = .zero,
      idleByteLimit: Int = 256 << 20, idleTime: Duration? = .seconds(10), prefersHugePages: Bool = false
    ) {
      self.oversizeThreshold = oversizeThreshold
      self.dirtyDecay = dirtyDecay
      self.muzzyDecay = muzzyDecay
      self.idleByteLimit = idleByteLimit
      self.idleTime = idleTime
      self.prefersHugePages = prefersHugePages
    }

    /// In seconds.
    static var largestTime: Int { 10_000_000_000 }

    func check(arena: String) throws(ArenaError) {
      for (property, value) in [("oversizeThreshold", oversizeThreshold), ("idleByteLimit", idleByteLimit)] {
        if value < 0 { throw ArenaError(.invalidConfiguration(property: property, value: "\(value)"), arena: arena) }
      }
      for (property, value) in [("dirtyDecay", dirtyDecay), ("muzzyDecay", muzzyDecay), ("idleTime", idleTime)] {
        if let value, value < .zero || value > .seconds(Self.largestTime) {
          throw ArenaError(.invalidConfiguration(property: property, value: "\(value)"), arena: arena)
        }
      }
    }

    /// A time of the configuration in milliseconds, as jemalloc takes it: -1 for never. A part of a millisecond counts
    /// as a whole one, because 0 means at once.
    static func milliseconds(_ time: Duration?) -> Int {
      guard let (seconds, attoseconds) = time?.components else { return -1 }
      return Int(seconds) * 1_000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
  }

  /// Whether this is ``shared``. Unlike a comparison with ``shared``, this never makes that arena, so it can be used
  /// under a lock.
  @usableFromInline package let isShared: Bool

  public let name: String
  /// jemalloc's number for it, as in `arena.<index>.purge`.
  public let index: UInt32
  /// The ledger's number for it.
  public var domain: DomainID { ownedDomain.id }
  let ownedDomain: OwnedDomain
  public let configuration: Configuration

  /// The lock of the slow path. Memory of this arena is set aside and given back only under it, together with its
  /// ledger entry, so the two books agree whenever a thread holds it.
  package let lock = RankedLock(.arena)
  /// True once the arena is destroyed. Changes only under `lock`.
  let isDestroyed = Atomic<Bool>(false)
  /// See ``depot``. Set only once.
  private let depotOwner = AtomicLazyReference<DepotOwner>()
  /// Approximately the bytes given back to jemalloc since the last purge.
  let unpurgedByteCount = Atomic<Int>(0)
  // SAFETY: guarded by `Maintenance.workLock`.
  nonisolated(unsafe) var maintenanceState = MaintenanceState()
  /// Whether the process had a limit on what it maps (`ulimit -v`, `ulimit -d`) when the arena was created.
  let isMappingLimited: Bool
  /// Milliseconds until jemalloc itself purges unused pages, while the maintenance thread does not.
  private let ownDirtyDecay: Int
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) var holdings = ArenaHoldings()
  /// Counts down to an allocation that fails on purpose; 0 if none will. For tests of exhaustion.
  package let failureCountdown = Atomic<Int>(0)

  /// Makes an arena that ``ArenaDirectory`` does not know yet.
  /// - Throws: ``ArenaError`` as ``init(name:configuration:)``.
  init(name: String, configuration: Configuration, isShared: Bool) throws(ArenaError) {
    do throws(LedgerError) { try Ledger.makeShared() } catch { throw ArenaError(.ledger(error), arena: name) }
    ArenaStatistics.prepare()
    self.isShared = isShared
    self.name = name
    self.configuration = configuration
    try configuration.check(arena: name)
    do throws(ArenaError) { index = try Mallctl.createArena() } catch { throw error.of(name) }
    isMappingLimited = ProcessMemory.nearestLimit != nil
    // If what the process may map is limited, unused pages would take it from `malloc`: they are purged at once, unless
    // the configuration says never.
    let dirtyDecay = Configuration.milliseconds(configuration.dirtyDecay)
    ownDirtyDecay = isMappingLimited ? min(0, dirtyDecay) : dirtyDecay
    do throws(ArenaError) {
      try Mallctl.write("arena.\(index).oversize_threshold", size_t(max(0, configuration.oversizeThreshold)))
      try Mallctl.write("arena.\(index).dirty_decay_ms", ssize_t(ownDirtyDecay))
      try Mallctl.write("arena.\(index).muzzy_decay_ms", ssize_t(Configuration.milliseconds(configuration.muzzyDecay)))
      if isMappingLimited { try Mallctl.mapOnlyNeeded(arena: index) }
      do throws(LedgerError) { ownedDomain = try Ledger.shared.addDomain(.arena, name: name) } catch {
        throw ArenaError(.ledger(error), arena: name)
      }
      unsafe Ledger.shared.domainField32(LedgerLayout.DomainField.arenaIndex, of: ownedDomain.id).pointee
        .store(index, ordering: .relaxed)
    } catch {
      try? Mallctl.call("arena.\(index).destroy")
      throw error
    }
    Mallctl.nameMappings(arena: index, as: name)
  }

  /// The arena's idle blocks. Made at the first use, because an arena without buffers needs no lists for them. Takes no
  /// lock.
  var depot: Depot {
    depotIfMade ?? depotOwner.storeIfNil(DepotOwner(idleByteLimit: configuration.idleByteLimit)).depot
  }

  /// ``depot``, or nil if it was not used yet. Takes no lock.
  var depotIfMade: Depot? { depotOwner.load()?.depot }

  /// What maintenance remembers about an arena from one pass to the next.
  struct MaintenanceState {
    /// When idle blocks are searched next; nil while there are none.
    var nextSearch: UInt64?
    /// When maintenance first saw that there may be unused pages; nil if it saw none.
    var dirtySince: UInt64?
    /// Whether maintenance has turned jemalloc's own timer for pages off.
    var ownsDecay = false
  }

  /// Gives dirty and muzzy pages back to the kernel now. Idle blocks keep their pages: call ``trim(keeping:)`` first.
  /// Cost: one `madvise` per run of pages, about 40 ms per GB. Do not call it on threads that must not wait.
  /// - Throws: ``ArenaError/Code/destroyed`` if the arena was destroyed; ``ArenaError/Code/mallctl`` if
  ///   jemalloc refuses.
  public func purge() throws(ArenaError) { try callWhileAlive("purge") }

  /// As ``purge()``, for a caller that holds ``Maintenance/workLock``.
  package func purgePages() {
    guard !isDestroyed.load(ordering: .relaxed) else { return }
    try? Mallctl.call("arena.\(index).purge")
  }

  /// Lets jemalloc's own timer purge dirty pages as configured, on the threads that allocate; or lets the pages wait
  /// for ``purgePages()``. The caller holds ``Maintenance/workLock``.
  package func setPurgesItself(_ purges: Bool) {
    guard !isDestroyed.load(ordering: .relaxed) else { return }
    try? Mallctl.write("arena.\(index).dirty_decay_ms", ssize_t(purges ? ownDirtyDecay : -1))
  }

  /// Lets jemalloc give back the pages whose decay time is over.
  /// - Throws: ``ArenaError/Code/destroyed`` if the arena was destroyed; ``ArenaError/Code/mallctl`` if
  ///   jemalloc refuses.
  public func decay() throws(ArenaError) { try callWhileAlive("decay") }

  /// Holds a lock that keeps the arena from being destroyed meanwhile: another arena may get the index of a destroyed
  /// one. This is not the lock of the slow path, because threads that allocate must not wait for this.
  private func callWhileAlive(_ action: String) throws(ArenaError) {
    Maintenance.workLock.lock()
    defer { Maintenance.workLock.unlock() }
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    try Mallctl.call("arena.\(index).\(action)")
  }
}
