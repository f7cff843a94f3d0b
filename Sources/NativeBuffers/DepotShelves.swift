import JemallocArenas
import ResourceLedger
import Synchronization

/// A depot's lists: one per alignment and size class, and how many bytes they hold; and one of surplus blocks,
/// which wait for the maintenance thread to give them back.
///
/// A reference to memory of its own, so that threads reach it without touching a reference count.
/// Cost: two atomic read-modify-writes to take a block, two to return one.
@safe struct DepotShelves: @unchecked Sendable {
  // SAFETY: allocated once, made of atomics, and freed with the depot, which the arena's blocks keep alive.
  private let counters: UnsafeMutablePointer<Counters>
  private let bins: UnsafeMutablePointer<EntryStack>
  private let records: UnsafeMutablePointer<EntryRecord>

  private struct Counters: ~Copyable {
    /// Bytes of all idle blocks: never less than what lies in the bins.
    let idleByteCount = Atomic<Int>(0)
    let idleByteLimit: Int
    /// Whether somebody looks after the idle blocks, or nobody is to: false where the next one to leave a block
    /// is to call the maintenance thread.
    let isWatched = Atomic<Bool>(false)
    /// Whether there may be unused pages that nobody purged.
    let isDirty = Atomic<Bool>(false)
    let surplus = EntryStack()
    /// Blocks in `surplus`: never fewer than lie there.
    let surplusCount = Atomic<Int>(0)
  }

  /// Blocks that may wait to be given back. They were live a moment before, and the maintenance thread is on its
  /// way: this bounds what is lost where it cannot keep up.
  static let surplusLimit = 1_024

  /// Alignments of a cache line to 2 MiB, each with all size classes.
  static let alignmentCount = 21 - Int(SizeClass.blockAlignmentLog2) + 1
  static var alignments: Range<UInt32> {
    SizeClass.blockAlignmentLog2..<SizeClass.blockAlignmentLog2 + UInt32(alignmentCount)
  }
  private static let binCount = alignmentCount * SizeClass.count

  init(idleByteLimit: Int) {
    unsafe counters = .allocate(capacity: 1)
    unsafe counters.initialize(to: Counters(idleByteLimit: idleByteLimit))
    unsafe bins = .allocate(capacity: Self.binCount)
    for bin in 0..<Self.binCount { unsafe (bins + bin).initialize(to: EntryStack()) }
    unsafe records = Ledger.shared.firstRecord
  }

  func deallocate() {
    unsafe bins.deinitialize(count: Self.binCount)
    unsafe bins.deallocate()
    unsafe counters.deinitialize(count: 1)
    unsafe counters.deallocate()
  }

  var idleByteCount: Int { unsafe counters.pointee.idleByteCount.load(ordering: .relaxed) }

  private func bin(alignmentLog2: UInt32, sizeClass: Int) -> UnsafeMutablePointer<EntryStack> {
    unsafe bins + (Int(alignmentLog2 &- SizeClass.blockAlignmentLog2) &* SizeClass.count &+ sizeClass)
  }

  func pop(alignmentLog2: UInt32, sizeClass: Int, capacity: Int) -> LedgerEntry? {
    let bin = unsafe bin(alignmentLog2: alignmentLog2, sizeClass: sizeClass)
    guard let entry = unsafe bin.pointee.pop(records: records) else { return nil }
    unsafe counters.pointee.idleByteCount.subtract(capacity, ordering: .relaxed)
    return entry
  }

  /// - Returns: whether there was room for the block's bytes.
  func push(_ entry: LedgerEntry, capacity: Int) -> Bool {
    // Sequentially consistent, here and below: either this thread sees that nobody watches, or who just
    // stopped watching sees these bytes.
    let count = unsafe counters.pointee.idleByteCount.add(capacity, ordering: .sequentiallyConsistent).newValue
    guard count <= (unsafe counters.pointee.idleByteLimit) else {
      unsafe counters.pointee.idleByteCount.subtract(capacity, ordering: .relaxed)
      return false
    }
    let sizeClass = Int(entry.classification.bucket)
    unsafe bin(alignmentLog2: entry.alignmentLog2, sizeClass: sizeClass).pointee.push(entry, records: records)
    if unsafe !counters.pointee.isWatched.load(ordering: .sequentiallyConsistent) { callMaintenance() }
    return true
  }

  // MARK: For maintenance

  /// Has the maintenance thread look at the depot, unless it does already.
  @inline(never)
  func callMaintenance() {
    if unsafe counters.pointee.isWatched.exchange(true, ordering: .sequentiallyConsistent) { return }
    Maintenance.call()
  }

  var isWatched: Bool { unsafe counters.pointee.isWatched.load(ordering: .sequentiallyConsistent) }

  func setWatched(_ isWatched: Bool) {
    unsafe counters.pointee.isWatched.store(isWatched, ordering: .sequentiallyConsistent)
  }

  /// Says that the arena has unused pages again.
  /// - Returns: whether that is news.
  func markDirty() -> Bool {
    let counters = unsafe counters
    if unsafe counters.pointee.isDirty.load(ordering: .relaxed) { return false }
    return unsafe !counters.pointee.isDirty.exchange(true, ordering: .sequentiallyConsistent)
  }

  var isDirty: Bool { unsafe counters.pointee.isDirty.load(ordering: .sequentiallyConsistent) }
  func clearDirty() { unsafe counters.pointee.isDirty.store(false, ordering: .sequentiallyConsistent) }

  /// Leaves a block that is not to be kept for the maintenance thread.
  /// - Returns: whether there was room.
  func pushSurplus(_ entry: LedgerEntry) -> Bool {
    let counters = unsafe counters
    let count = unsafe counters.pointee.surplusCount.add(1, ordering: .sequentiallyConsistent).newValue
    guard count <= Self.surplusLimit else {
      unsafe counters.pointee.surplusCount.subtract(1, ordering: .relaxed)
      return false
    }
    unsafe counters.pointee.surplus.push(entry, records: records)
    return true
  }

  func popSurplus() -> LedgerEntry? {
    guard let entry = unsafe counters.pointee.surplus.pop(records: records) else { return nil }
    unsafe counters.pointee.surplusCount.subtract(1, ordering: .relaxed)
    return entry
  }

  var surplusCount: Int { unsafe counters.pointee.surplusCount.load(ordering: .sequentiallyConsistent) }

  func isEmpty(alignmentLog2: UInt32, sizeClass: Int) -> Bool {
    unsafe bin(alignmentLog2: alignmentLog2, sizeClass: sizeClass).pointee.top == 0
  }

  /// How many blocks of a bin nobody used since the last call, about: see ``LedgerEntry/countUnused``. Takes none
  /// off its list, so nobody misses one meanwhile. Cost: a cache line read per block.
  func countUnused(alignmentLog2: UInt32, classification: LedgerEntry.Classification) -> Int {
    let sizeClass = Int(classification.bucket)
    let top = unsafe bin(alignmentLog2: alignmentLog2, sizeClass: sizeClass).pointee.top
    guard top != 0 else { return 0 }
    return unsafe LedgerEntry.countUnused(
      from: top, records: records, classification: classification, alignmentLog2: alignmentLog2,
      atMost: idleByteCount / SizeClass.byteCount(at: sizeClass) + 1)
  }

  /// For tests: every listed block is idle, has its address, and lies in its own bin. Nobody else may use
  /// the depot meanwhile.
  func _checkInvariants(domain: DomainID) {
    var listed = 0
    for row in 0..<Self.alignmentCount {
      let alignmentLog2 = SizeClass.blockAlignmentLog2 + UInt32(row)
      for sizeClass in 0..<SizeClass.count {
        let bin = unsafe bin(alignmentLog2: alignmentLog2, sizeClass: sizeClass)
        var kept: [LedgerEntry] = []
        while let entry = unsafe bin.pointee.pop(records: records) { kept.append(entry) }
        for entry in kept.reversed() {
          precondition(entry.word.state == .idle, "a listed block is \(entry.word.state)")
          precondition(entry.address % (1 << UInt(entry.alignmentLog2)) == 0, "a listed block is misaligned")
          precondition(entry.capacity == SizeClass.byteCount(at: sizeClass), "a block lies in another class's bin")
          precondition(entry.alignmentLog2 == alignmentLog2, "a block lies in another alignment's bin")
          precondition(entry.classification.domain == domain, "a block of another arena")
          listed += entry.capacity
          unsafe bin.pointee.push(entry, records: records)
        }
      }
    }
    precondition(listed == idleByteCount, "listed \(listed) idle bytes, counted \(idleByteCount)")
  }
}
