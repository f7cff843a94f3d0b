import Glibc
import JemallocArenas
import ResourceLedger
import Synchronization

/// An arena's idle blocks, sorted by alignment and size class. A block keeps its ledger entry while it
/// waits here, so taking and returning one touches neither the allocator nor the registry.
///
/// Any thread pushes and pops without a lock. Memory is set aside and given back under the arena's lock.
@safe final class Depot: @unchecked Sendable {
  // SAFETY: `shelves` is allocated once and made of atomics.
  let shelves: DepotShelves
  private unowned let arena: Arena
  private let rescues = Atomic<Int>(0)

  private init(arena: Arena) {
    self.arena = arena
    shelves = DepotShelves(idleByteLimit: arena.configuration.idleByteLimit)
  }

  deinit { shelves.deallocate() }

  // MARK: Finding one

  /// Depots by domain, each kept alive by its arena. Domains of other kinds have none.
  private static let byDomain: DepotTable = {
    ArenaDirectory.setBlockCache(
      reclaim: { arena in _ = Depot.of(arena).trim(keeping: 0) },
      // Its number may be given to a domain of another kind next.
      forget: { arena in byDomain[arena.domain] = nil })
    return DepotTable()
  }()

  static func of(_ arena: Arena) -> Depot { attached(to: arena) ?? make(for: arena) }

  static func of(_ entry: LedgerEntry) -> Depot? { byDomain[entry.classification.domain] }

  /// The arena's depot where it has one already. Takes no lock.
  static func attached(to arena: Arena) -> Depot? {
    let address = arena.attachment.load(ordering: .acquiring)
    guard let object = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
    // SAFETY: only this type attaches objects, and the arena keeps them.
    return unsafe Unmanaged<Depot>.fromOpaque(object).takeUnretainedValue()
  }

  private static func make(for arena: Arena) -> Depot {
    arena.lock.withLock {
      if let depot = attached(to: arena) { return depot }
      let depot = Depot(arena: arena)
      // A destroyed arena's number may be another domain's by now.
      if !arena.isDestroyedNow { byDomain[arena.domain] = depot }
      let object = unsafe Unmanaged.passRetained(depot).toOpaque()
      arena.attachment.store(UInt(bitPattern: object), ordering: .releasing)
      return depot
    }
  }

  // MARK: Taking and returning

  /// An idle block for a request, nil where none is kept.
  func pop(_ request: Arena.Request) -> LedgerEntry? {
    shelves.pop(
      alignmentLog2: request.alignmentLog2, sizeClass: SizeClass.index(holding: request.capacity),
      capacity: request.capacity)
  }

  /// Whether threads keep blocks that such a request takes.
  func isCachedByThreads(_ request: Arena.Request) -> Bool {
    request.alignmentLog2 == SizeClass.blockAlignmentLog2
      && request.capacity <= ThreadCacheStorage.largestByteCount && arena === Arena.shared
  }

  /// An idle block of a size class at cache-line alignment.
  func popSmall(_ sizeClass: Int) -> LedgerEntry? {
    shelves.pop(
      alignmentLog2: SizeClass.blockAlignmentLog2, sizeClass: sizeClass, capacity: SizeClass.byteCount(at: sizeClass))
  }

  /// Ends the life of a block and keeps it for reuse, or gives it back to the arena where enough is kept.
  func push(_ entry: LedgerEntry) {
    guard entry.endLife(as: .idle) else { return giveBack([entry]) }
    keep(entry, capacity: entry.capacity)
  }

  /// Keeps an idle block that is on no list, or gives it back to the arena where enough is kept.
  func keep(_ entry: LedgerEntry, capacity: Int) {
    if !shelves.push(entry, capacity: capacity) { giveBack([entry]) }
  }

  func recordRescue() { rescues.add(1, ordering: .relaxed) }
  var rescueCount: Int { rescues.load(ordering: .relaxed) }

  // MARK: The slow path

  /// Fresh memory with its ledger entry, in state `idle` and on no list. Where the arena has none, idle
  /// blocks are given up for it first.
  func allocate(_ request: Arena.Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    let isTestOfFailure = arena.failureCountdown.load(ordering: .relaxed) > 0
    do throws(ArenaError) { return try allocateOnce(request, zeroed: zeroed) } catch {
      guard case .outOfMemory = error.code, !isTestOfFailure, trim(keeping: 0) > 0 else { throw error }
      try arena.purge()
      return try allocateOnce(request, zeroed: zeroed)
    }
  }

  private func allocateOnce(_ request: Arena.Request, zeroed: Bool) throws(ArenaError) -> LedgerEntry {
    arena.lock.lock()
    defer { arena.lock.unlock() }
    let pointer = unsafe try arena.allocate(request, zeroed: zeroed)
    do throws(LedgerError) {
      let bucket = UInt16(SizeClass.index(holding: request.capacity))
      let entry = try Ledger.shared.acquireEntry(.init(domain: arena.domain, bucket: bucket))
      entry.address = UInt(bitPattern: pointer)
      entry.capacity = request.capacity
      entry.alignmentLog2 = request.alignmentLog2
      entry.setState(.idle)
      return entry
    } catch {
      unsafe arena.deallocate(pointer)
      throw ArenaError(.ledger(error), arena: arena.name)
    }
  }

  /// Returns idle blocks that are on no list to jemalloc.
  func giveBack(_ entries: [LedgerEntry]) {
    arena.lock.withLock {
      for entry in entries {
        // SAFETY: an idle entry on no list is the caller's alone, and so is its block.
        let pointer = unsafe UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
        arena.retireEntry(entry, in: .shared)
        unsafe arena.deallocate(pointer)
      }
    }
  }

  /// Gives idle blocks back to jemalloc until at most `limit` bytes of them are kept, large ones first.
  /// - Returns: bytes given back.
  func trim(keeping limit: Int) -> Int {
    var freed = 0
    for sizeClass in (0..<SizeClass.count).reversed() {
      let capacity = SizeClass.byteCount(at: sizeClass)
      for row in 0..<DepotShelves.alignmentCount {
        let alignmentLog2 = SizeClass.blockAlignmentLog2 + UInt32(row)
        while shelves.idleByteCount > limit,
          let entry = shelves.pop(alignmentLog2: alignmentLog2, sizeClass: sizeClass, capacity: capacity)
        {
          freed += capacity
          giveBack([entry])
        }
      }
    }
    return freed
  }

  /// For tests. Nobody else may use the depot meanwhile.
  func _checkInvariants() { shelves._checkInvariants(domain: arena.domain) }
}

/// A depot per domain number. Each slot is set once per domain and read without a lock.
@safe private final class DepotTable: @unchecked Sendable {
  // SAFETY: slots are atomic; a depot is kept alive by its arena, which its blocks keep from being destroyed.
  private let slots: UnsafeMutablePointer<Atomic<UInt>>
  private static let count = 1 << 13

  init() {
    unsafe slots = .allocate(capacity: Self.count)
    for slot in 0..<Self.count { unsafe (slots + slot).initialize(to: Atomic(0)) }
  }

  subscript(domain: DomainID) -> Depot? {
    get {
      let address = unsafe slots[Int(domain.rawValue)].load(ordering: .acquiring)
      guard let object = unsafe UnsafeRawPointer(bitPattern: address) else { return nil }
      return unsafe Unmanaged<Depot>.fromOpaque(object).takeUnretainedValue()
    }
    set {
      let address = newValue.map { unsafe UInt(bitPattern: Unmanaged.passUnretained($0).toOpaque()) } ?? 0
      unsafe slots[Int(domain.rawValue)].store(address, ordering: .releasing)
    }
  }
}
