// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// The idle blocks of an arena that no thread keeps for itself: one list for each alignment and size class. A block
/// keeps its ledger entry while it waits here, so taking and returning it touches neither jemalloc nor the ledger's
/// free entries. How many bytes may be idle is in Depot+Room.swift.
///
/// Of the lists of the usual alignment (a cache line), each *stripe* has its own. A thread leaves its blocks on its own
/// stripe and looks there first, so threads that work with blocks of one size do not wait for each other's cache lines.
/// If the stripe is empty, the thread takes from another stripe: blocks belong to no stripe.
///
/// This is a reference to memory of its own, so that threads reach it without touching a reference count.
/// Cost: two atomic read-modify-writes to take a block or a batch and two to return one, on the thread's own cache
/// lines.
// SAFETY: allocated once, made of atomics, and freed with the arena, which its blocks keep alive.
@safe struct Depot: @unchecked Sendable {
  let counters: UnsafeMutablePointer<Counters>
  private let stripes: UnsafeMutableRawPointer
  /// The lists of the alignments above the usual one, which few programs ask for: for each alignment, all size classes.
  private let aligned: UnsafeMutablePointer<EntryStack>
  private let records: UnsafeMutablePointer<EntryRecord>

  struct Counters: ~Copyable {
    let idleByteLimit: Int
    /// Bytes that may still become idle and that no stripe has. Below 0 if there is a debt.
    let unreservedRoom: Atomic<Int>
    /// How often room was moved.
    let moveCount = Atomic<Int>(0)
    /// Whether the next thread that pushes a block must call the maintenance thread: because that thread does not
    /// search the idle blocks now, or because there is a debt.
    let needsCall = Atomic<Bool>(true)
    /// Whether the arena may have unused pages that were not purged yet.
    let isDirty = Atomic<Bool>(false)
  }

  /// The number of alignments from a cache line to 2 MiB.
  static var alignmentCount: Int { 21 - Int(SizeClass.blockAlignmentLog2) + 1 }
  static var alignments: Range<UInt32> {
    SizeClass.blockAlignmentLog2..<SizeClass.blockAlignmentLog2 + UInt32(alignmentCount)
  }
  private static var alignedCount: Int { (alignmentCount - 1) * SizeClass.count }

  // A stripe has 64 bytes that begin with its room and its count of rescues, and then a list for each size class.
  private static var roomByteCount: Int { 64 }
  @inline(__always)
  private static var stripeByteCount: Int {
    (roomByteCount + SizeClass.count * MemoryLayout<EntryStack>.stride + 127) / 128 * 128
  }
  /// A power of two. Threads get their stripes in turn, so with twice as many stripes as processors, threads that run
  /// at the same time rarely share a stripe.
  let stripeCount: Int
  private static func stripeCount(processors: Int) -> Int {
    let wanted = min(16, max(2, 2 * processors))
    return 1 << (Int.bitWidth - (wanted - 1).leadingZeroBitCount)
  }

  init(idleByteLimit: Int) {
    stripeCount = Self.stripeCount(processors: sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    unsafe counters = .allocate(capacity: 1)
    unsafe counters.initialize(
      to: Counters(idleByteLimit: idleByteLimit, unreservedRoom: Atomic(idleByteLimit)))
    unsafe stripes = .allocate(byteCount: stripeCount * Self.stripeByteCount, alignment: 128)
    unsafe aligned = .allocate(capacity: Self.alignedCount)
    unsafe records = Ledger.shared.firstRecord
    for stripe in 0..<stripeCount {
      unsafe room(stripe).initialize(to: Atomic(0))
      unsafe rescues(stripe).initialize(to: Atomic(0))
      for sizeClass in 0..<SizeClass.count { unsafe bin(stripe, sizeClass).initialize(to: EntryStack()) }
    }
    for index in 0..<Self.alignedCount { unsafe (aligned + index).initialize(to: EntryStack()) }
  }

  fileprivate func deallocate() {
    withdrawRoom()
    MappingRoom.withdraw(idleByteCount)
    unsafe aligned.deallocate()
    unsafe stripes.deallocate()
    unsafe counters.deinitialize(count: 1)
    unsafe counters.deallocate()
  }

  // MARK: Where things are

  /// The calling thread's stripe.
  @inline(__always)
  private var ownStripe: Int { Int(cnativeruntime_number()) & (stripeCount &- 1) }

  /// Bytes that may still become idle and that the stripe has set aside for its threads.
  @inline(__always)
  func room(_ stripe: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    unsafe (stripes + stripe &* Self.stripeByteCount).assumingMemoryBound(to: Atomic<Int>.self)
  }

  /// The number of rescues by the stripe's threads.
  @inline(__always)
  private func rescues(_ stripe: Int) -> UnsafeMutablePointer<Atomic<Int>> { unsafe room(stripe) + 1 }

  /// The idle blocks of the usual alignment and a size class.
  @inline(__always)
  private func bin(_ stripe: Int, _ sizeClass: Int) -> UnsafeMutablePointer<EntryStack> {
    unsafe (stripes + (stripe &* Self.stripeByteCount &+ Self.roomByteCount))
      .assumingMemoryBound(to: EntryStack.self) + sizeClass
  }

  /// The lists of idle blocks of an alignment and size class: one list for each stripe, or a single one for all
  /// threads.
  private func bins(alignmentLog2: UInt32, sizeClass: Int) -> [UnsafeMutablePointer<EntryStack>] {
    let row = Int(alignmentLog2) - Int(SizeClass.blockAlignmentLog2)
    if row > 0 { return unsafe [aligned + ((row - 1) * SizeClass.count + sizeClass)] }
    return unsafe (0..<stripeCount).map { unsafe bin($0, sizeClass) }
  }

  // MARK: Taking and returning

  /// Takes an idle block of the usual alignment; nil if no stripe has one.
  @inline(__always)
  func popUsual(sizeClass: Int, capacity: Int) -> LedgerEntry? {
    let own = ownStripe
    guard let entry = unsafe bin(own, sizeClass).pointee.pop(records: records) ?? takeOver(own, sizeClass)
    else { return nil }
    unsafe room(own).pointee.add(capacity, ordering: .relaxed)
    return entry
  }

  /// Takes a block from another stripe.
  @inline(never)
  private func takeOver(_ own: Int, _ sizeClass: Int) -> LedgerEntry? {
    for distance in 1..<stripeCount {
      let bin = unsafe bin((own + distance) & (stripeCount - 1), sizeClass)
      if let entry = unsafe bin.pointee.pop(records: records) { return entry }
    }
    return nil
  }

  /// Takes up to `limit` idle blocks of the usual alignment from one stripe, linked from the first on.
  func popUsual(sizeClass: Int, capacity: Int, atMost limit: Int) -> (first: LedgerEntry, count: Int)? {
    let own = ownStripe
    for distance in 0..<stripeCount {
      let bin = unsafe bin((own + distance) & (stripeCount - 1), sizeClass)
      if let batch = unsafe bin.pointee.pop(atMost: limit, records: records) {
        unsafe room(own).pointee.add(batch.count * capacity, ordering: .relaxed)
        return batch
      }
    }
    return nil
  }

  func pop(alignmentLog2: UInt32, sizeClass: Int, capacity: Int) -> LedgerEntry? {
    let own = ownStripe
    guard let entry = pop(alignmentLog2: alignmentLog2, sizeClass: sizeClass, own) else { return nil }
    unsafe room(own).pointee.add(capacity, ordering: .relaxed)
    return entry
  }

  /// Takes an idle block that is to go back to jemalloc.
  func popForDeallocation(alignmentLog2: UInt32, sizeClass: Int) -> LedgerEntry? {
    guard let entry = pop(alignmentLog2: alignmentLog2, sizeClass: sizeClass, ownStripe) else { return nil }
    addUnreservedRoom(entry.capacity)
    return entry
  }

  private func pop(alignmentLog2: UInt32, sizeClass: Int, _ own: Int) -> LedgerEntry? {
    alignmentLog2 == SizeClass.blockAlignmentLog2
      ? unsafe bin(own, sizeClass).pointee.pop(records: records) ?? takeOver(own, sizeClass)
      : unsafe bins(alignmentLog2: alignmentLog2, sizeClass: sizeClass)[0].pointee.pop(records: records)
  }

  /// What became of blocks that were pushed.
  enum PushOutcome {
    case kept
    /// Kept, but the depot has a debt now: see ``Arena/finishPush(of:_:)``.
    case keptBeyondLimit
    /// Not kept: the caller must give the blocks back to jemalloc.
    case refused
  }

  /// Keeps a block, if it may be idle.
  func push(_ entry: LedgerEntry) -> PushOutcome {
    push(from: entry, to: entry, sizeClass: Int(entry.classification.bucket), byteCount: entry.capacity)
  }

  /// Keeps a batch: blocks of one class and alignment, linked from the first to the last. Keeps all of it or nothing.
  @inline(__always)
  func push(from first: LedgerEntry, to last: LedgerEntry, sizeClass: Int, byteCount: Int) -> PushOutcome {
    let own = ownStripe
    // The bytes are counted before the blocks are on the list, so no more bytes are ever listed than counted.
    let left = unsafe room(own).pointee.subtract(byteCount, ordering: .relaxed).newValue
    if left < 0, !findRoom(own, blockByteCount: first.capacity) {
      unsafe room(own).pointee.add(byteCount, ordering: .relaxed)
      return .refused
    }
    let bin =
      first.alignmentLog2 == SizeClass.blockAlignmentLog2
      ? unsafe bin(own, sizeClass)
      : unsafe bins(alignmentLog2: first.alignmentLog2, sizeClass: sizeClass)[0]
    // The push and the load after it are sequentially consistent: either this thread sees that `needsCall` is true, or
    // the thread that just set it to true sees the block.
    unsafe bin.pointee.push(from: first, to: last, records: records)
    return unsafe counters.pointee.needsCall.load(ordering: .sequentiallyConsistent) ? callMaintenance() : .kept
  }

  @inline(__always)
  func recordRescue() { unsafe rescues(ownStripe).pointee.add(1, ordering: .relaxed) }

  /// The number of blocks of the arena that a deinit released.
  var rescueCount: Int {
    (0..<stripeCount).reduce(0) { $0 + (unsafe rescues($1).pointee.load(ordering: .relaxed)) }
  }

  // MARK: Looking through the lists

  /// Whether any list has a block. Cost: a load for each list.
  var hasIdleBlocks: Bool { (0..<SizeClass.count).contains { hasIdleBlocks(sizeClass: $0) } }

  /// Whether any list of the size class has a block, of any alignment. Plain loops, because each trim asks this for
  /// every class and they are fast in a debug build, too.
  func hasIdleBlocks(sizeClass: Int) -> Bool {
    var stripe = 0
    while stripe < stripeCount {
      if unsafe bin(stripe, sizeClass).pointee.top != 0 { return true }
      stripe += 1
    }
    var index = sizeClass
    while index < Self.alignedCount {
      if unsafe aligned[index].top != 0 { return true }
      index += SizeClass.count
    }
    return false
  }

  // MARK: In a forked child

  /// Empties all lists, and leaves the blocks as they are. No other thread may use the depot meanwhile.
  func forgetBlocks() {
    for stripe in 0..<stripeCount {
      for sizeClass in 0..<SizeClass.count { unsafe bin(stripe, sizeClass).pointee.forget() }
    }
    for index in 0..<Self.alignedCount { unsafe aligned[index].forget() }
    forgetRoom()
  }

  // MARK: For maintenance

  /// Has the maintenance thread look at the depot, unless it was called already.
  /// - Returns: ``PushOutcome/keptBeyondLimit`` if there is a debt, which maintenance may not know of.
  @inline(never)
  @discardableResult
  func callMaintenance() -> PushOutcome {
    if unsafe counters.pointee.needsCall.exchange(false, ordering: .sequentiallyConsistent) { Maintenance.call() }
    return debt > 0 ? .keptBeyondLimit : .kept
  }

  var needsCall: Bool { unsafe counters.pointee.needsCall.load(ordering: .sequentiallyConsistent) }

  /// Makes the next thread that pushes a block call maintenance.
  func requestCall() { unsafe counters.pointee.needsCall.store(true, ordering: .sequentiallyConsistent) }

  /// Makes threads that push blocks not call maintenance. A debt that was just made would wait then, so the caller must
  /// pay debts after this.
  func requestNoCall() { unsafe counters.pointee.needsCall.store(false, ordering: .sequentiallyConsistent) }

  /// Records that the arena has unused pages again.
  /// - Returns: whether this was not recorded before.
  func markDirty() -> Bool {
    let counters = unsafe counters
    if unsafe counters.pointee.isDirty.load(ordering: .relaxed) { return false }
    return unsafe !counters.pointee.isDirty.exchange(true, ordering: .sequentiallyConsistent)
  }

  var isDirty: Bool { unsafe counters.pointee.isDirty.load(ordering: .sequentiallyConsistent) }
  func clearDirty() { unsafe counters.pointee.isDirty.store(false, ordering: .sequentiallyConsistent) }

  func isEmpty(alignmentLog2: UInt32, sizeClass: Int) -> Bool {
    unsafe bins(alignmentLog2: alignmentLog2, sizeClass: sizeClass).allSatisfy { unsafe $0.pointee.top == 0 }
  }

  /// Approximately how many blocks of an alignment and class were not used since the last call: see
  /// ``LedgerEntry/countUnused``. Leaves all blocks on their lists, so that other threads can take them meanwhile.
  /// Cost: one cache line is read per block.
  func countUnused(alignmentLog2: UInt32, classification: LedgerEntry.Classification) -> Int {
    let sizeClass = Int(classification.bucket)
    return unsafe bins(alignmentLog2: alignmentLog2, sizeClass: sizeClass).reduce(0) { count, bin in
      let top = unsafe bin.pointee.top
      guard top != 0 else { return count }
      let unused = unsafe LedgerEntry.countUnused(
        from: top, records: records, classification: classification, alignmentLog2: alignmentLog2,
        atMost: idleByteCount / SizeClass.byteCount(at: sizeClass) + 1)
      return count + unused
    }
  }

  /// For tests: checks that every listed block is idle, has its address, and lies on its own list. No other thread may
  /// use the depot meanwhile.
  func _checkInvariants(domain: DomainNumber) {
    var listed = 0
    for alignmentLog2 in Self.alignments {
      for sizeClass in 0..<SizeClass.count {
        unsafe bins(alignmentLog2: alignmentLog2, sizeClass: sizeClass).forEach { bin in
          var kept: [LedgerEntry] = []
          while let entry = unsafe bin.pointee.pop(records: records) { kept.append(entry) }
          for entry in kept.reversed() {
            precondition(entry.word.state == .idle, "a listed block is \(entry.word.state)")
            precondition(entry.address % (1 << UInt(entry.alignmentLog2)) == 0, "a listed block is misaligned")
            precondition(entry.capacity == SizeClass.byteCount(at: sizeClass), "a block lies on another class's list")
            precondition(entry.alignmentLog2 == alignmentLog2, "a block lies on another alignment's list")
            precondition(entry.classification.domain == domain, "a block of another arena")
            listed += entry.capacity
            unsafe bin.pointee.push(entry, records: records)
          }
        }
      }
    }
    precondition(listed == idleByteCount, "listed \(listed) idle bytes, counted \(idleByteCount)")
    for stripe in 0..<stripeCount {
      precondition(unsafe room(stripe).pointee.load(ordering: .relaxed) >= 0, "a stripe owes room")
    }
  }
}

/// Owns the memory of an arena's depot, and frees it with the arena.
final class DepotOwner: Sendable {
  let depot: Depot
  init(idleByteLimit: Int) { depot = Depot(idleByteLimit: idleByteLimit) }
  deinit { depot.deallocate() }
}
