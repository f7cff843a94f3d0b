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
    /// with your sizes whether it gains anything, see the README. The kernel may give or refuse such pages. The
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

    fileprivate func check(arena: String) throws(ArenaError) {
      for (property, value) in [("oversizeThreshold", oversizeThreshold), ("idleByteLimit", idleByteLimit)] {
        guard value >= 0 else {
          throw ArenaError(.invalidConfiguration(property: property, value: "\(value)"), arena: arena)
        }
      }
      for (property, value) in [("dirtyDecay", dirtyDecay), ("muzzyDecay", muzzyDecay), ("idleTime", idleTime)] {
        guard let value, !(.zero ... .seconds(10_000_000_000)).contains(value) else { continue }
        throw ArenaError(.invalidConfiguration(property: property, value: "\(value)"), arena: arena)
      }
    }

    /// A time of the configuration in milliseconds, as jemalloc takes it: -1 for never. A part of a millisecond counts
    /// as a whole one, because 0 means at once.
    static func milliseconds(_ time: Duration?) -> Int {
      guard let (seconds, attoseconds) = time?.components else { return -1 }
      return Int(seconds) * 1_000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
  }

  /// The arena that buffers come from if no other arena is named.
  ///
  /// Ends the process if there is no room for it. Creating a buffer throws an error instead.
  public static var shared: Arena {
    switch lateShared.value {
    case .success(let arena): arena
    case .failure(let error): fatalError("NativeBuffers: the shared arena could not be created: \(error)")
    }
  }

  /// Makes ``shared`` if it does not exist yet.
  /// - Throws: ``ArenaError`` if there is no room for it or for the ledger. Every later call throws the same error,
  ///   because this is tried only once.
  package static func makeShared() throws(ArenaError) { _ = try lateShared.value.get() }

  private static let lateShared = ForkSafeLazy {
    Result { () throws(ArenaError) in
      try Arena(name: "shared", configuration: Configuration(), isShared: true)
    }
  }

  /// Whether this is ``shared``. Unlike a comparison with ``shared``, this never makes that arena, so it can be used
  /// under a lock.
  @usableFromInline package let isShared: Bool

  /// Makes the statics of the folder Arena. Must be called before `main`.
  package static func makeStatics() {
    ForkGuard.touch(lateShared)
    ArenaStatistics.makeStatics()
    ArenaDirectory.makeStatics()
    MallocCapture.makeStatics()
    ProcessMalloc.makeStatics()
  }

  public let name: String
  /// jemalloc's number for it, as in `arena.<index>.purge`.
  public let index: UInt32
  /// The ledger's number for it.
  public var domain: DomainID { number.id }
  private let number: OwnedDomain
  public let configuration: Configuration

  /// The lock of the slow path. Memory of this arena is set aside and given back only under it, together with its
  /// ledger entry, so the two books agree whenever a thread holds it.
  package let lock = RankedLock(.arena)
  /// True once the arena is destroyed. Changes only under `lock`.
  let isDestroyed = Atomic<Bool>(false)
  /// See ``depot``. Set only once.
  private let depotReference = AtomicLazyReference<Depot>()
  /// Whether the process had a limit on what it maps (`ulimit -v`, `ulimit -d`) when the arena was created.
  let isMappingLimited: Bool
  /// Milliseconds until jemalloc itself purges unused pages, while the maintenance thread does not.
  private let ownDirtyDecay: Int
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) var holdings = ArenaHoldings()
  /// The number of lives that ended in entries that the arena has given back, see LedgerEntry.endedLives.
  let pastLives = Atomic<Int>(0)
  /// Counts down to an allocation that fails on purpose; 0 if none will. For tests of exhaustion.
  package let failureCountdown = Atomic<Int>(0)

  /// Creates an arena.
  /// - Throws: ``ArenaError`` if a value of the configuration is not allowed, if jemalloc refuses a `mallctl` key, if
  ///   the process has all the arenas that it may have (``ArenaError/Code/tooManyArenas``), if there is no room
  ///   for an arena (``ArenaError/Code/noRoomForArena``), or if the ledger cannot be made or has no room.
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
    // If what the process may map is limited, unused pages would take it from `malloc`: they are purged at once, unless
    // the configuration says never.
    let dirtyDecay = Configuration.milliseconds(configuration.dirtyDecay)
    ownDirtyDecay = isMappingLimited ? min(0, dirtyDecay) : dirtyDecay
    do throws(ArenaError) {
      try Mallctl.write("arena.\(index).oversize_threshold", size_t(max(0, configuration.oversizeThreshold)))
      try Mallctl.write("arena.\(index).dirty_decay_ms", ssize_t(ownDirtyDecay))
      try Mallctl.write("arena.\(index).muzzy_decay_ms", ssize_t(Configuration.milliseconds(configuration.muzzyDecay)))
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

  /// The arena's idle blocks. Made at the first use, because an arena without buffers needs no lists for them. Takes no
  /// lock.
  var depot: Depot { depotIfMade ?? depotReference.storeIfNil(Depot(arena: self)) }

  /// ``depot``, or nil if it was not used yet. Takes no lock.
  var depotIfMade: Depot? { depotReference.load() }

  /// Gives dirty and muzzy pages back to the kernel now. Idle blocks keep their pages: call ``trim(keeping:)`` first.
  /// Cost: one `madvise` per run of pages, about 40 ms per GB. Do not call it on threads that must not wait.
  /// - Throws: ``ArenaError/Code/destroyed`` if the arena was destroyed; ``ArenaError/Code/mallctl`` if
  ///   jemalloc refuses.
  public func purge() throws(ArenaError) { try callWhileAlive("purge") }

  /// As ``purge()``, for a caller that holds ``ArenaDirectory/maintenanceLock``.
  package func purgePages() {
    guard !isDestroyed.load(ordering: .relaxed) else { return }
    try? Mallctl.call("arena.\(index).purge")
  }

  /// Lets jemalloc's own timer purge dirty pages as configured, on the threads that allocate; or lets the pages wait
  /// for ``purgePages()``. The caller holds ``ArenaDirectory/maintenanceLock``.
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
    ArenaDirectory.maintenanceLock.lock()
    defer { ArenaDirectory.maintenanceLock.unlock() }
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    try Mallctl.call("arena.\(index).\(action)")
  }

  /// Destroys the arena and returns all its memory to the kernel. Idle blocks are given back first. Waits for
  /// maintenance of the arena that is running. While other threads create or dispose buffers in the arena, this may
  /// throw because of blocks that are just moving.
  ///
  /// Cost: what jemalloc needs to unmap the arena. That is mostly 20 to 30 µs for an arena that was never used, and 40
  /// to 110 µs for a used one (measured on a busy machine; one in a hundred took milliseconds), 1 µs per idle block,
  /// and 100 to 400 µs per MiB whose pages were touched. If there are detached blocks that C freed, or if this throws,
  /// it also costs as much as ``counts()``, and reads 64 bytes per ledger entry. Memory that C code allocated from the
  /// arena by its ``index``, without this library, is freed too.
  /// - Throws: ``ArenaError/Code/sharedArena`` if this is ``shared``; ``ArenaError/Code/blocksLive``
  ///   if a buffer, or memory from ``unsafeAllocate(byteCount:alignment:)``, is live; ``ArenaError/Code/destroyed`` if
  ///   the arena was destroyed before; ``ArenaError/Code/mallctl`` if jemalloc refuses.
  public func destroy() throws(ArenaError) {
    guard !isShared else { throw ArenaError(.sharedArena, arena: name) }
    try ArenaDirectory.maintenanceLock.withLock { () throws(ArenaError) in
      try lock.withLock { () throws(ArenaError) in
        if !isDestroyed.load(ordering: .relaxed) { _ = depotIfMade?.trimUnderLock(keeping: 0) }
        try destroyEmpty()
      }
    }
    ArenaDirectory.remove(self)
    number.giveBack()
  }

  /// Gives back the entries of the arena, because another arena may get its domain's number. The caller holds `lock`,
  /// and no block is allocated: so detached blocks were freed, and any other entry is a ghost's, whose handle may still
  /// be used.
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
      releaseEntry(entry, in: .shared)
    }
  }

  /// Destroys the arena if it has no live block. The caller holds `lock`.
  private func destroyEmpty() throws(ArenaError) {
    guard !isDestroyed.load(ordering: .relaxed) else { throw ArenaError(.destroyed, arena: name) }
    // Only if something is left, because jemalloc adds up its statistics for all arenas of the process at once.
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
