import NativeSynchronization
import ResourceLedger
import Synchronization

// A cell is one registration. Its life:
//
//   reserved ──link──► pending ──claim──► claimed ──► delivered or dropped ──retire──► back in the pool
//
// - Pending: the ledger entry is live, and the cell is on its target's list and perhaps on a token's.
// - Claim: one compare-and-exchange on the entry's state word (``LedgerEntry/requestRelease(key:)``). One
//   caller wins: a delivery, `cancel`, `clean`, `unregister` or the exit. Only the winner touches the held value.
// - The target's death takes the cell off its list and puts it into the registry's queue, whether it is
//   claimed or not. A claimer that finds it queued leaves it to the queue's reader; whichever of the two
//   comes second retires it (`Flags.left`, `Flags.dequeued`).
//
// Fields: `targetNext`, `targetPrevious` and `target` change under the lock of the anchor that `target` names;
// `tokenNext`, `tokenPrevious` and `token` under that of `token`. The rest belongs to the owner of the moment.

/// The fixed part of a cell; its registry lives as long as it is pending or claimed. The held value lies behind it, at ``Cell/heldOffset(for:)``.
@safe struct CellRecord: ~Copyable {
  let entry: LedgerEntry
  let core: Unmanaged<RegistryCore>
  /// Address of the target's anchor; 0 once it died, and while the cell is on no list.
  let target = Atomic<UInt>(0)
  /// Address of the anchor of a token that is not the target; 0 for none, or a dead one.
  let token = Atomic<UInt>(0)
  let flags = Atomic<UInt32>(0)
  var key = EntryWord(rawValue: 0)
  var byteCount = 0
  var targetNext: Cell?
  var targetPrevious: Cell?
  var tokenNext: Cell?
  var tokenPrevious: Cell?
  /// Next in the registry's queue, in a thread's pending list, or in the pool.
  var queueNext: Cell?
  /// The session that a death began which is delivered inline: see ``RegistryCore/flush()``.
  var session = 0
  /// For cleanups at exit: see ``ExitOrder``.
  var order = ExitOrder()

  init(entry: LedgerEntry, core: RegistryCore) {
    self.entry = entry
    unsafe self.core = Unmanaged.passUnretained(core)
  }

  enum Flags {
    /// The claimer took the cell off its target's list.
    static let isUnlinked: UInt32 = 32
    /// The target is the token, too.
    static let isOwnToken: UInt32 = 1
    /// The claimer is done and found the cell queued.
    static let left: UInt32 = 2
    /// The queue's reader found the cell claimed.
    static let dequeued: UInt32 = 4
    /// No registration, but a mark in the queue: see ``RegistryCore/flush()``.
    static let isMark: UInt32 = 8
    /// A mark that the queue's reader came to.
    static let isReached: UInt32 = 16
  }
}

/// A reference to a cell's memory, which lives as long as its registry's core.
// SAFETY: see the top of this file for who may touch what when; the memory outlives every registration.
@safe struct Cell: @unchecked Sendable, Equatable {
  let record: UnsafeMutablePointer<CellRecord>

  init(record: UnsafeMutablePointer<CellRecord>) { unsafe self.record = record }

  init?(address: UInt) {
    // SAFETY: addresses of cells are made by `address` below and by nothing else.
    guard let record = unsafe UnsafeMutablePointer<CellRecord>(bitPattern: address) else { return nil }
    unsafe self.record = record
  }

  @inline(__always)
  func belongs(to core: RegistryCore) -> Bool {
    unsafe record.pointee.core.toOpaque() == Unmanaged.passUnretained(core).toOpaque()
  }

  var address: UInt { unsafe UInt(bitPattern: record) }
  var entry: LedgerEntry { unsafe record.pointee.entry }
  /// The registry that the cell belongs to: alive as long as the cell is pending or claimed.
  var core: RegistryCore { unsafe record.pointee.core.takeUnretainedValue() }
  /// The same, without counting a reference. `body` may end the registration as the last thing it does.
  @inline(__always)
  func withCore<R>(_ body: (RegistryCore) -> R) -> R { unsafe record.pointee.core._withUnsafeGuaranteedRef(body) }
  var queueNext: Cell? {
    get { unsafe record.pointee.queueNext }
    nonmutating set { unsafe record.pointee.queueNext = newValue }
  }
  var key: EntryWord { unsafe record.pointee.key }
  var isMark: Bool { unsafe record.pointee.flags.load(ordering: .relaxed) & CellRecord.Flags.isMark != 0 }
  var isOwnToken: Bool { unsafe record.pointee.flags.load(ordering: .relaxed) & CellRecord.Flags.isOwnToken != 0 }

  var isUnlinked: Bool { unsafe record.pointee.flags.load(ordering: .relaxed) & CellRecord.Flags.isUnlinked != 0 }

  /// For the owner of a cell that is claimed and on no target's list: nobody else writes the flags then.
  @inline(__always)
  func markUnlinked() {
    let flags = unsafe record.pointee.flags.load(ordering: .relaxed)
    unsafe record.pointee.flags.store(flags | CellRecord.Flags.isUnlinked, ordering: .relaxed)
  }

  /// Sets a flag.
  /// - Returns: whether the other one was set before.
  func set(_ flag: UInt32, andTest other: UInt32) -> Bool {
    unsafe record.pointee.flags.bitwiseOr(flag, ordering: .acquiringAndReleasing).oldValue & other != 0
  }

  static func == (a: Cell, b: Cell) -> Bool { unsafe a.record == b.record }

  static func heldOffset(for alignment: Int) -> Int {
    let size = MemoryLayout<CellRecord>.size
    return (size + alignment - 1) & ~(alignment - 1)
  }

  /// Claims the registration that `key` stands for.
  /// - Returns: whether this caller won. Then it owns the cell.
  static func claim(_ entry: LedgerEntry, key: EntryWord) -> Bool {
    switch entry.requestRelease(key: key) {
    case .releaseNow: return true
    case .alreadyReleased: return false
    case .deferred:
      // Somebody copies the held value just now (``Registration/peek``): a few instructions.
      let spin = PinWait(entry: entry)
      spin.wait()
      return true
    }
  }
}

/// Waits until no thread pins an entry any more.
private struct PinWait {
  let entry: LedgerEntry

  @inline(never)
  func wait() {
    var backOff = BackOff()
    while entry.word.pinCount > 0 { backOff.spin() }
  }
}
