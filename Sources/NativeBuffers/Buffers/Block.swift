// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
public import ResourceLedger

/// What a handle owns: memory, its ledger entry, and the key of the life that the handle began.
///
/// A trivial value. The handle (`NativeBuffer`, `UniqueBuffer`) makes sure that the life ends only once.
// SAFETY: the memory is reached only under a pin of `entry`, or by the only owner of a unique handle.
@usableFromInline
@safe struct Block: @unchecked Sendable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let byteCount: Int
  @usableFromInline let entry: LedgerEntry
  @usableFromInline let key: EntryWord

  @usableFromInline enum Contents {
    /// The bytes that the memory's last owner left.
    case uninitialized
    case zeroed
  }

  /// Takes a block for a new handle, from the shared arena if `arena` is nil.
  /// Cost: a few loads and stores if the thread's cache has a block; otherwise see ``acquireSlowly``.
  @inlinable
  @inline(__always)
  static func acquire(
    _ byteCount: Int, alignment: Int, contents: Contents, arena: Arena?, file: StaticString, line: UInt,
    function: StaticString
  ) throws(NativeBufferError) -> Block {
    if arena?.isShared ?? true, alignment & (alignment &- 1) == 0, 1...64 ~= alignment,
      0...largestDepotByteCount ~= byteCount
    {
      let sizeClass = SizeClass.index(holding: (max(byteCount, 1) &+ 63) & ~63)
      if let cache = unsafe ThreadCache(cnativeruntime_enter_cache_as_owner()),
        let entry = sizeClass < ThreadCacheStorage.binCount ? cache.pop(sizeClass) : cache.takeFromDepot(sizeClass)
      {
        cnativeruntime_leave_cache_as_owner()
        let site = SiteCache.site(file: file, line: line, function: function)
        let block = Block(beginning: entry, byteCount: byteCount, site: site, scope: cache.scope)
        if case .zeroed = contents { block.zero() }
        return block
      }
      cnativeruntime_leave_cache_as_owner()
    }
    return try acquireSlowly(
      byteCount, alignment: alignment, contents: contents, arena: arena, file: file, line: line, function: function)
  }

  @inlinable
  @inline(__always)
  func zero() { unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }

  @inlinable
  @inline(__always)
  init(beginning entry: LedgerEntry, byteCount: Int, site: SiteID, scope: CreationScope) {
    // SAFETY: the entry's address is that of its block: it was set when the block was allocated, and is never 0.
    unsafe base = UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
    self.byteCount = byteCount
    self.entry = entry
    key = entry.beginLife(byteCount: byteCount, site: site, scope: scope)
  }

  init(base: UnsafeMutableRawPointer, byteCount: Int, entry: LedgerEntry, key: EntryWord) {
    unsafe self.base = base
    self.byteCount = byteCount
    self.entry = entry
    self.key = key
  }

  /// Takes a block if the thread's cache has none: from the depot, or else fresh memory. Cost: a few atomic operations
  /// in the depot; for fresh memory see ``Arena/allocateBlock(_:zeroed:)``.
  @usableFromInline
  @inline(never)
  static func acquireSlowly(
    _ byteCount: Int, alignment: Int, contents: Contents, arena: Arena?, file: StaticString, line: UInt,
    function: StaticString
  ) throws(NativeBufferError) -> Block {
    do throws(ArenaError) { try Arena.makeShared() } catch {
      throw NativeBufferError(error, created: Site(file: file, line: line, function: function))
    }
    Ledger.refreshClock()
    let site = SiteCache.site(file: file, line: line, function: function)
    // Blocks that threads do not keep need the cache, too: their fast path reads the depot's address in it.
    _ = ThreadCaches.current()
    do throws(ArenaError) {
      let request = try Arena.Request(byteCount: byteCount, alignment: alignment)
      let arena = arena ?? .shared
      let isCached = arena.isShared && request.capacity <= ThreadCacheStorage.largestByteCount
      let kept = isCached ? popForThread(request, arena) : arena.pop(request)
      let isZeroed = contents == .zeroed
      let entry = if let kept { kept } else { try arena.allocateBlock(request, zeroed: isZeroed) }
      let block = Block(beginning: entry, byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource)
      if isZeroed, kept != nil { block.zero() }
      return block
    } catch {
      throw NativeBufferError(error, created: Ledger.shared.site(site))
    }
  }

  /// The arena refuses larger sizes, so the fast path leaves them to it.
  @inlinable static var largestDepotByteCount: Int { 1 << 40 }

  /// Takes a block of the shared arena of a size that threads keep: from the thread's cache, or as the first of a
  /// batch.
  private static func popForThread(_ request: Arena.Request, _ arena: Arena) -> LedgerEntry? {
    let bin = SizeClass.index(holding: request.capacity)
    guard request.alignmentLog2 == SizeClass.blockAlignmentLog2 else {
      return ThreadCaches.withCurrent { $0.pop(bin, alignmentLog2: request.alignmentLog2) } ?? arena.pop(request)
    }
    let entry = ThreadCaches.withCurrent { $0.pop(bin) ?? $0.refill(bin, from: arena.depot) }
    return if let entry { entry } else { arena.pop(request) }
  }

  /// Asks for the end of this life. Releases the memory now if it has no pin; otherwise its last pin does.
  /// - Returns: whether this was the first such request.
  @inlinable
  @inline(__always)
  func dispose() -> Bool {
    switch entry.requestRelease(key: key) {
    case .releaseNow:
      Block.release(entry)
      return true
    case .deferred:
      leaveToPins()
      return true
    case .alreadyReleased: return false
    }
  }

  /// Leaves the release to the last pin. If the block has only the pin of its own that a read-only buffer keeps, this
  /// ends that.
  @usableFromInline
  @inline(never)
  func leaveToPins() { AdoptedMemory.endOwnPin(of: entry, key: key) }

  /// Ends the life of a block that only the caller can reach: no pin, no other handle.
  @inlinable
  @inline(__always)
  func disposeUnshared() { Block.release(entry) }

  /// As ``dispose()``, called by a deinit: recorded as a rescue.
  @usableFromInline
  @inline(never)
  func rescue() {
    guard entry.isUsable(key: key) else { return }
    recordRescue()
    _ = dispose()
  }

  /// As ``disposeUnshared()``, called by a deinit: recorded as a rescue.
  @usableFromInline
  @inline(never)
  func rescueUnshared() {
    recordRescue()
    Block.release(entry)
  }

  /// Called before the release, because the release hands the entry to its next owner. Cost: three atomic additions.
  @inline(__always)
  private func recordRescue() {
    let scope = entry.scope
    let site = entry.site
    if scope.number != 0 { ScopeTracking.recordRescue(in: scope, at: site, byteCount: byteCount) }
    guard let cache = unsafe ThreadCache(cnativeruntime_cache()) else {
      Ledger.shared.recordRescue(at: site, byteCount: byteCount)
      ArenaDirectory.arena(of: entry)?.depot.recordRescue()
      return
    }
    unsafe Ledger.recordRescue(at: site, byteCount: byteCount, siteRecords: cache.storage.pointee.siteRecords)
    if UInt32(entry.classification.domain.rawValue) == (unsafe cache.storage.pointee.domain) {
      unsafe cache.storage.pointee.depot.recordRescue()
    } else {
      ArenaDirectory.arena(of: entry)?.depot.recordRescue()
    }
  }

  /// Releases the block of an entry whose life was claimed for that.
  /// Cost: a few loads and stores if the thread's cache keeps the block; otherwise see ``releaseSlowly(_:)``.
  @inlinable
  @inline(__always)
  static func release(_ entry: LedgerEntry) {
    if let cache = unsafe ThreadCache(cnativeruntime_enter_cache_as_owner()) {
      let bin = cache.sizeClass(of: entry)
      if bin < ThreadCacheStorage.binCount, entry.endLife(as: .idle) {
        cache.push(entry, bin: bin)
        cnativeruntime_leave_cache_as_owner()
        return
      }
    }
    cnativeruntime_leave_cache_as_owner()
    releaseSlowly(entry)
  }

  /// Called when the last pin of a disposed buffer ends.
  @usableFromInline
  @inline(never)
  static func releasePinned(_ entry: LedgerEntry) { release(entry) }

  /// Releases a block to the depot or to a cache that was parked, or adopted memory by its deallocator. Also called if
  /// ``release(_:)`` found that the entry has had its last life. Ending that life again changes nothing. Every life
  /// with flags ends here: see ``ThreadCache/sizeClass(of:)``.
  @usableFromInline
  @inline(never)
  static func releaseSlowly(_ entry: LedgerEntry) {
    if let cache = unsafe ThreadCache(cnativeruntime_cache()) {
      // Threads do not keep blocks of these size classes.
      let sizeClass = cache.sizeClass(of: entry)
      if ThreadCacheStorage.binCount..<SizeClass.count ~= sizeClass, entry.endLife(as: .idle) {
        let outcome = cache.pushToDepot(entry, sizeClass: sizeClass)
        if outcome != .kept { Arena.shared.finishPush(of: entry, outcome) }
        return
      }
    }
    Maintenance.settleInChild()
    if entry.flags.contains(.isInDoubt) { return entry.holdBackInDoubt() }
    entry.clearFlags()
    if AdoptedMemory.owns(entry) { return AdoptedMemory.release(entry) }
    guard let arena = ArenaDirectory.arena(of: entry) else {
      fatalError("NativeBuffers: a block is released whose arena is gone: this is a fault of the library.")
    }
    if Quarantine.isOn { return arena.quarantine(entry) }
    let bin = Int(entry.classification.bucket)
    guard bin < ThreadCacheStorage.binCount, arena.isShared else { return arena.release(entry) }
    guard entry.endLife(as: .idle) else { return arena.deallocate(entry) }
    if ThreadCaches.withExisting({ $0.push(entry, bin: bin) }) == nil { arena.push(entry) }
  }
}
