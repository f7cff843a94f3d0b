// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

// A cell is one registration. Its life:
//
//   reserved ──link──► pending ──claim──► claimed ──► delivered or dropped ──retire──► back in the pool
//
// - Pending: the ledger entry is live, and the cell is on its target's list and perhaps on a token's.
// - Claim: one compare-and-exchange on the entry's state word (``LedgerEntry/requestRelease(key:)``). One
//   caller wins: a delivery, `cancel`, `clean`, `unregister` or the exit. Only the winner takes the held value out.
// - The target's death takes the cell off its list and puts it into the registry's queue, whether it is claimed or not.
//   If the claimer finds the cell queued, the cell stays in the queue until the queue's reader takes it out. The second
//   of the two to be done with the cell retires it (`Flags.left`, `Flags.dequeued`).
//
// Fields: `targetNext`, `targetPrevious` and `target` change under the lock of the anchor that `target` names;
// `tokenNext`, `tokenPrevious` and `token` change under the lock of the anchor that `token` names. Any other field that
// is not atomic is used by the cell's current owner only.

/// What the files below ``RegistryCore`` know of the registry of a cell. `RegistryCore` is the only subclass.
// SAFETY: it has no fields.
@usableFromInline
class CellOwner: @unchecked Sendable {
  /// Takes over a cell whose target died. The call may end the registration, and with it the life of this object.
  /// After the calls for all cells of an anchor, the caller must call ``DeliveringThread/deliverPending()``.
  func targetDied(_ cell: Cell) { preconditionFailure("\(type(of: self)) does not take the cells of dead targets") }

  /// Delivers a cell that ``targetDied(_:)`` put into this thread's pending list.
  func deliverPending(_ cell: Cell) { preconditionFailure("\(type(of: self)) does not deliver cells") }
}

/// The fixed part of a cell. The held value lies behind it.
@usableFromInline
@safe struct CellRecord: ~Copyable {
  let entry: LedgerEntry
  /// Alive as long as the cell is pending or claimed.
  let owner: Unmanaged<CellOwner>
  /// Address of the target's anchor; 0 once the target died, and while the cell is on no target's list.
  let target = Atomic<UInt>(0)
  /// Address of the anchor of a token that is not the target; 0 if there is no such token, or it died.
  let token = Atomic<UInt>(0)
  let flags = Atomic<UInt32>(0)
  /// The key of the registration's life; ``claimedKey`` once it is claimed.
  let key = Atomic<UInt64>(CellRecord.claimedKey)
  var byteCount = 0
  var targetNext: Cell?
  var targetPrevious: Cell?
  var tokenNext: Cell?
  var tokenPrevious: Cell?
  /// Next in the registry's queue, in a thread's pending list, or in the pool.
  var queueNext: Cell?
  /// The epoch of the session that began with the target's death, if the registry delivers inline: see
  /// ``RegistryCore/flush()``.
  var session = 0
  /// For cleanups at exit: see ``ExitOrder``.
  var order = ExitOrder()

  /// No state word is equal to this: only a live one has a cache's mark. In a forked child, whose ledger is a moment
  /// older than its other memory, this says that another thread of the parent has claimed the cell, and so may have
  /// taken the held value out.
  static var claimedKey: UInt64 { EntryWord.stateMask | EntryWord.heldByCacheBit }

  init(entry: LedgerEntry, owner: CellOwner) {
    self.entry = entry
    unsafe self.owner = Unmanaged.passUnretained(owner)
  }

  enum Flags {
    /// The target is also the token.
    static let isOwnToken: UInt32 = 1
    /// The claimer found the cell queued, and is done with it.
    static let left: UInt32 = 2
    /// The queue's reader found the cell claimed.
    static let dequeued: UInt32 = 4
    /// The cell is no registration, but a mark in the queue: see ``RegistryCore/flush()``.
    static let isMark: UInt32 = 8
    /// The queue's reader took this mark out of the queue.
    static let isReached: UInt32 = 16
    /// The claimer took the cell off its target's list.
    static let isUnlinked: UInt32 = 32
  }
}

/// A reference to a cell's memory, which lives as long as its registry's core.
// SAFETY: the top of this file says which thread may use which field when; the memory outlives every registration.
@usableFromInline
@safe struct Cell: @unchecked Sendable {
  @usableFromInline let record: UnsafeMutablePointer<CellRecord>

  init(record: UnsafeMutablePointer<CellRecord>) { unsafe self.record = record }

  init?(address: UInt) {
    // SAFETY: addresses of cells are made by `address` below and by nothing else.
    guard let record = unsafe UnsafeMutablePointer<CellRecord>(bitPattern: address) else { return nil }
    unsafe self.record = record
  }

  var address: UInt { unsafe UInt(bitPattern: record) }
  var entry: LedgerEntry { unsafe record.pointee.entry }
  /// The cell's registry: alive as long as the cell is pending or claimed.
  var owner: CellOwner { unsafe record.pointee.owner.takeUnretainedValue() }
  /// Calls `body` with the cell's registry, without counting a reference. `body` may end the registration, as its last
  /// step.
  @inline(__always)
  func withOwner<R>(_ body: (CellOwner) -> R) -> R { unsafe record.pointee.owner._withUnsafeGuaranteedRef(body) }

  @inline(__always)
  func belongs(to owner: CellOwner) -> Bool {
    unsafe record.pointee.owner.toOpaque() == Unmanaged.passUnretained(owner).toOpaque()
  }

  var queueNext: Cell? {
    get { unsafe record.pointee.queueNext }
    nonmutating set { unsafe record.pointee.queueNext = newValue }
  }
  var key: EntryWord {
    get { EntryWord(rawValue: unsafe record.pointee.key.load(ordering: .relaxed)) }
    nonmutating set { unsafe record.pointee.key.store(newValue.rawValue, ordering: .relaxed) }
  }
  var isMark: Bool { unsafe record.pointee.flags.load(ordering: .relaxed) & CellRecord.Flags.isMark != 0 }
  var isOwnToken: Bool { unsafe record.pointee.flags.load(ordering: .relaxed) & CellRecord.Flags.isOwnToken != 0 }

  var isUnlinked: Bool { unsafe record.pointee.flags.load(ordering: .relaxed) & CellRecord.Flags.isUnlinked != 0 }

  /// For the owner of a claimed cell that is on no target's list: no other thread writes its flags then.
  @inline(__always)
  func markUnlinked() {
    let flags = unsafe record.pointee.flags.load(ordering: .relaxed)
    unsafe record.pointee.flags.store(flags | CellRecord.Flags.isUnlinked, ordering: .relaxed)
  }

  /// Sets `flag`.
  /// - Returns: whether the flag `other` was set before.
  func set(_ flag: UInt32, andTest other: UInt32) -> Bool {
    unsafe record.pointee.flags.bitwiseOr(flag, ordering: .acquiringAndReleasing).oldValue & other != 0
  }

  // MARK: The held value

  /// How far behind a cell's address a held value with this alignment begins.
  @inlinable
  static func heldOffset(alignment: Int) -> Int {
    (MemoryLayout<CellRecord>.size &+ alignment &- 1) & ~(alignment &- 1)
  }

  /// The place of the held value. The cell's owner initialises it once, and once moves the value out or destroys it.
  @inlinable
  @inline(__always)
  func held<Value>(as type: Value.Type) -> UnsafeMutablePointer<Value> {
    // SAFETY: `CellPool` gives each cell of a registry room there for a value of the registry's type.
    unsafe (UnsafeMutableRawPointer(record) + Self.heldOffset(alignment: MemoryLayout<Value>.alignment))
      .assumingMemoryBound(to: type)
  }

  // MARK: The claim

  /// Claims the cell's registration.
  /// - Returns: whether this caller won. Then it owns the cell.
  @inline(__always)
  func claim() -> Bool {
    guard Self.requestRelease(entry, key: key) else { return false }
    unsafe record.pointee.key.store(CellRecord.claimedKey, ordering: .relaxed)
    return true
  }

  /// Claims the registration that `key` stands for.
  /// - Returns: its cell if this caller won. Then it owns the cell.
  @inline(__always)
  static func claim(_ registration: LedgerEntry, key: EntryWord) -> Cell? {
    switch registration.requestRelease(key: key) {
    case .releaseNow: takeClaimed(registration, key: key)
    case .alreadyReleased: nil
    case .deferred: waitAndTakeClaimed(registration, key: key)
    }
  }

  @inline(never)
  private static func waitAndTakeClaimed(_ registration: LedgerEntry, key: EntryWord) -> Cell? {
    waitForPins(of: registration)
    return takeClaimed(registration, key: key)
  }

  /// The cell of a registration that was just claimed; nil in a forked child if another thread of the parent claimed it
  /// during the fork.
  @inline(__always)
  private static func takeClaimed(_ registration: LedgerEntry, key: EntryWord) -> Cell? {
    guard let cell = Cell(address: registration.address), cell.key == key else { return nil }
    unsafe cell.record.pointee.key.store(CellRecord.claimedKey, ordering: .relaxed)
    return cell
  }

  @inline(__always)
  static func requestRelease(_ entry: LedgerEntry, key: EntryWord) -> Bool {
    switch entry.requestRelease(key: key) {
    case .releaseNow: return true
    case .alreadyReleased: return false
    case .deferred:
      // Another thread pins the registration, for a few instructions: see ``RegistrationPins``.
      waitForPins(of: entry)
      return true
    }
  }

  @inline(never)
  private static func waitForPins(of entry: LedgerEntry) {
    var backOff = BackOff()
    while entry.word.pinCount > 0 { backOff.spin() }
  }
}
