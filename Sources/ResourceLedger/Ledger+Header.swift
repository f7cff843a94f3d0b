// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization
import Synchronization

// The header: what kind of file this is, whose ledger it is, and where the tables are.

extension Ledger {
  /// Writes the header of a new ledger. Its tables have room for their first records already.
  func writeHeader() {
    unsafe base.storeBytes(of: LedgerLayout.version, toByteOffset: LedgerLayout.versionOffset, as: UInt32.self)
    unsafe base.storeBytes(
      of: UInt64(layout.regionSize), toByteOffset: LedgerLayout.regionSizeOffset, as: UInt64.self)
    unsafe base.storeBytes(of: UInt32(layout.pageSize), toByteOffset: LedgerLayout.pageSizeOffset, as: UInt32.self)
    unsafe base.storeBytes(
      of: UInt32(layout.tables.count), toByteOffset: LedgerLayout.rowCountOfDirectoryOffset, as: UInt32.self)
    writeDirectory()
    unsafe Self.writeIdentity(to: base, isForkedChild: false)
    beginClock()
    // Record 0 of these tables stands for "not known" and "none".
    unsafe count(of: .sites).pointee.store(1, ordering: .releasing)
    unsafe count(of: .domains).pointee.store(1, ordering: .releasing)
    // These two are stored last, so that a reader that sees them sees a whole header.
    unsafe atomic64(at: 0).pointee.store(LedgerLayout.magic, ordering: .releasing)
    unsafe Self.setState(.inUse, of: base)
  }

  private func writeDirectory() {
    for (index, table) in layout.tables.enumerated() {
      let row = unsafe base + LedgerLayout.directoryOffset + index * LedgerLayout.directoryRowSize
      unsafe row.storeBytes(of: table.kind.rawValue, toByteOffset: LedgerLayout.rowKindOffset, as: UInt32.self)
      unsafe row.storeBytes(
        of: UInt32(table.kind.recordSize), toByteOffset: LedgerLayout.rowRecordSizeOffset, as: UInt32.self)
      unsafe row.storeBytes(of: UInt64(table.offset), toByteOffset: LedgerLayout.rowTableOffset, as: UInt64.self)
      unsafe row.storeBytes(of: UInt64(table.capacity), toByteOffset: LedgerLayout.rowCapacityOffset, as: UInt64.self)
      if table.kind.isWhole {
        unsafe count(of: table.kind).pointee.store(UInt64(table.capacity), ordering: .releasing)
      }
    }
  }

  static func setState(_ state: LedgerLayout.State, of region: UnsafeMutableRawPointer) {
    // SAFETY: as in `atomic32(at:)`.
    let word = unsafe (region + LedgerLayout.stateOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
    unsafe word.pointee.store(state.rawValue, ordering: .releasing)
  }

  /// The count of a table's records in the directory. A count is stored with release order, after the records.
  func count(of kind: LedgerLayout.Kind) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe atomic64(at: kind.countOffset)
  }

  /// Says in a forked child that its ledger has no answers, which are not copied.
  static func clearAnswers(of region: UnsafeMutableRawPointer) {
    // SAFETY: as in `atomic64(at:)`.
    let number = unsafe (region + LedgerLayout.answerNumberOffset).assumingMemoryBound(to: Atomic<UInt64>.self)
    unsafe number.pointee.store(0, ordering: .relaxed)
  }

  // MARK: Identity

  /// Writes which process this is. A forked child calls this between the handlers of `fork`, so it allocates nothing.
  /// While the fields change, their sequence number is odd.
  static func writeIdentity(to region: UnsafeMutableRawPointer, isForkedChild: Bool) {
    // SAFETY: the layout puts this struct there. Only this thread writes it: the process has no other thread that
    // knows the region. Other processes read the sequence number.
    let place = unsafe (region + LedgerLayout.identityOffset).assumingMemoryBound(to: cnativeruntime_identity.self)
    let sequence = unsafe (region + LedgerLayout.identityOffset).assumingMemoryBound(to: Atomic<UInt32>.self)
    let before = unsafe sequence.pointee.load(ordering: .relaxed)
    // The number of a copy may be odd already, if its process died while it wrote.
    unsafe sequence.pointee.store(before | 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    unsafe place.pointee.parent_id = isForkedChild ? place.pointee.process_id : 0
    unsafe cnativeruntime_read_identity(place)
    unsafe place.pointee.real_time = KernelClock.nanoseconds(of: CLOCK_REALTIME)
    // The seconds of a child's ledger go on from its parent's, so the time at which they began stays.
    if !isForkedChild { unsafe place.pointee.monotonic_time = MonotonicClock.now }
    unsafe sequence.pointee.store((before | 1) &+ 1, ordering: .releasing)
  }

  // MARK: The end

  /// Whether the process has a ledger, and it is in a file that stays after the end of the process.
  package static var isInNamedFile: Bool {
    sharedIfMade?.region.hasName ?? false
  }

  /// The number of the last complete answer; 0 if there is none.
  package var answerNumber: UInt64 {
    unsafe atomic64(at: LedgerLayout.answerNumberOffset).pointee.load(ordering: .acquiring)
  }

  /// Has the process's ledger say at a regular exit that it has ended, so that a reader need not ask why the process is
  /// gone. If a program ends by `_exit` or by a signal, the ledger does not say so.
  static func markEndAtExit() { atexit { Ledger.markEnd() } }

  /// The same at once, for code that runs at a regular exit and then ends the process by `_exit`.
  package static func markEnd() {
    guard let ledger = sharedIfMade else { return }
    // Ages are of this moment, also in a forked child, in which no thread refreshes the clock.
    ledger.refreshClock()
    unsafe setState(.ended, of: ledger.base)
  }
}
