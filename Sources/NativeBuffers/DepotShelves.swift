import JemallocArenas
import ResourceLedger
import Synchronization

/// A depot's lists: one per alignment and size class, and how many bytes they hold.
///
/// A reference to memory of its own, so that threads reach it without touching a reference count.
/// Cost: two atomic operations to take a block, two to return one.
@safe struct DepotShelves: @unchecked Sendable {
  // SAFETY: allocated once, made of atomics, and freed with the depot, which the arena's blocks keep alive.
  private let counters: UnsafeMutablePointer<Counters>
  private let bins: UnsafeMutablePointer<EntryStack>
  private let records: UnsafeMutablePointer<EntryRecord>

  private struct Counters: ~Copyable {
    /// Bytes of all idle blocks: never less than what lies in the bins.
    let idleByteCount = Atomic<Int>(0)
    let idleByteLimit: Int
  }

  /// Alignments of a cache line to 2 MiB, each with all size classes.
  static let alignmentCount = 21 - Int(SizeClass.blockAlignmentLog2) + 1
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
    let count = unsafe counters.pointee.idleByteCount.add(capacity, ordering: .relaxed).newValue
    guard count <= (unsafe counters.pointee.idleByteLimit) else {
      unsafe counters.pointee.idleByteCount.subtract(capacity, ordering: .relaxed)
      return false
    }
    let sizeClass = Int(entry.classification.bucket)
    unsafe bin(alignmentLog2: entry.alignmentLog2, sizeClass: sizeClass).pointee.push(entry, records: records)
    return true
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
