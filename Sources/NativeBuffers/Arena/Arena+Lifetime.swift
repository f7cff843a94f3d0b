// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// How arenas are made and destroyed. From its creation to its end, ``ArenaDirectory`` knows an arena.

extension Arena {
  /// The arena that buffers come from if no other arena is named.
  ///
  /// Ends the process if there is no room for it. Creating a buffer throws an error instead.
  public static var shared: Arena {
    switch lazyShared.value {
    case .success(let arena): arena
    case .failure(let error): fatalError("NativeBuffers: the shared arena could not be created: \(error)")
    }
  }

  /// Makes ``shared`` if it does not exist yet.
  /// - Throws: ``ArenaError`` if there is no room for it or for the ledger. Every later call throws the same error,
  ///   because this is tried only once.
  package static func makeShared() throws(ArenaError) { _ = try lazyShared.value.get() }

  private static let lazyShared = ForkSafeLazy {
    Result { () throws(ArenaError) in
      let arena = try Arena(name: "shared", configuration: SharedConfiguration.value, isShared: true)
      ArenaDirectory.add(arena)
      _ = Maintenance.history.value
      return arena
    }
  }

  /// Sets how ``shared`` keeps memory. Must be called before the first use of this package's types: a program's first
  /// line is a good place.
  ///
  ///     var configuration = Arena.Configuration.fromEnvironment
  ///     configuration.idleTime = .seconds(60)
  ///     try Arena.configureShared(configuration)
  ///
  /// The configuration replaces what the environment says, unless it was made from
  /// ``Configuration/fromEnvironment``.
  /// - Throws: ``ArenaError`` if a value of the configuration is not allowed, and
  ///   ``ArenaError/Code/sharedArenaExists`` if the shared arena exists already: nothing changes then.
  public static func configureShared(_ configuration: Configuration) throws(ArenaError) {
    try configuration.check(arena: "shared")
    if !lazyShared.isMade { SharedConfiguration.choose(configuration) }
    // Another thread may just have made it, with the configuration before.
    guard !lazyShared.isMade else { throw ArenaError(.sharedArenaExists, arena: "shared") }
  }

  static func makeStatics() {
    ForkGuard.touch(lazyShared)
    SharedConfiguration.makeStatics()
  }

  /// Creates an arena.
  /// - Throws: ``ArenaError`` if a value of the configuration is not allowed, if jemalloc refuses a `mallctl` key, if
  ///   the process has all the arenas that it may have (``ArenaError/Code/tooManyArenas``), if there is no room
  ///   for an arena (``ArenaError/Code/noRoomForArena``), or if the ledger cannot be made or has no room.
  public convenience init(name: String, configuration: Configuration = Configuration()) throws(ArenaError) {
    try self.init(name: name, configuration: configuration, isShared: false)
    ArenaDirectory.add(self)
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
    Maintenance.settleInChild()
    try Maintenance.workLock.withLock { () throws(ArenaError) in
      try lock.withLock { () throws(ArenaError) in
        if !isDestroyed.load(ordering: .relaxed) { deallocateAllUnderLock() }
        try destroyEmpty()
      }
    }
    ArenaDirectory.remove(self)
    ownedDomain.giveBack()
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
