// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

/// An object that reports its own death.
///
///     final class Texture: Finalizable {
///       let finalizationAnchor = FinalizationAnchor()
///     }
///
/// Cleanups that are registered for it are due at once when it dies. Store the anchor in a `let`, one per object. If
/// the anchor is computed, replaced or shared, the registration does not report the object's death, but the end of the
/// anchor that the object had when it was registered. Even then each held value is delivered or released exactly once.
///
/// A held value that owns the anchor would keep it alive for ever. The registry refuses a value that is the anchor or
/// has it. If the value owns the anchor through other objects, that is a retain cycle, which the registry's `count` and
/// a scope of the audit (`held`) show.
///
/// The anchor dies with the fields of the class that stores it. Swift destroys a base class's fields before a derived
/// class's fields. So if a base class stores the anchor, the cleanup is due while the derived class's fields still
/// exist (after its deinit has run). If that matters, store the anchor in the most derived class.
public protocol Finalizable: AnyObject {
  var finalizationAnchor: FinalizationAnchor { get }
}

/// Reports the death of the object that stores it: see ``Finalizable``.
///
/// Store it, and do nothing else with it. Any other reference to it delays the report.
// SAFETY: all fields are atomics; its one subclass, ``Watch``, has a note of its own.
public class FinalizationAnchor: @unchecked Sendable {
  /// Address of the first cell whose target this is; 0 for none. Changes under the anchor's lock: see ``AnchorLocks``.
  final let targets = Atomic<UInt>(0)
  /// Address of the first cell whose token this is, and whose target is another; 0 for none. Changes under the anchor's
  /// lock.
  final let tokens = Atomic<UInt>(0)
  /// Address of the object that this anchor was first used for; 0 for none. It is compared, but never dereferenced.
  private final let owner = Atomic<UInt>(0)

  public init() {}

  deinit {
    // Acquiring, so that the thread that unlinked the last cell is done with this anchor.
    if targets.load(ordering: .acquiring) | tokens.load(ordering: .acquiring) != 0 { reportDeath() }
  }

  /// Whether this anchor belongs to an object. It belongs to the first object that it is asked about.
  @inline(__always)
  final func belongs(to object: UInt) -> Bool {
    let known = owner.load(ordering: .relaxed)
    return known == object || known == 0 && claim(for: object)
  }

  private final func claim(for object: UInt) -> Bool {
    let (exchanged, original) = owner.compareExchange(expected: 0, desired: object, ordering: .relaxed)
    return exchanged || original == object
  }

  @inline(__always)
  final var address: UInt { unsafe UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque()) }

  /// Whether no registration names this object.
  final var isUnused: Bool { targets.load(ordering: .acquiring) | tokens.load(ordering: .acquiring) == 0 }

  /// Calls `body` with the anchor at an address. The caller holds the anchor's lock, and the anchor has a cell on a
  /// list: so it exists, though its deinit may have begun.
  @inline(__always)
  static func with(_ address: UInt, _ body: (FinalizationAnchor) -> Void) {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return }
    // SAFETY: its deinit waits for this lock before it ends. There is no retain, because an object in its deinit must
    // not be retained.
    unsafe Unmanaged<FinalizationAnchor>.fromOpaque(pointer)._withUnsafeGuaranteedRef { body($0) }
  }

  // MARK: Lists, under the anchor's lock

  @inline(__always)
  final func linkTarget(_ cell: Cell) {
    let next = Cell(address: targets.load(ordering: .relaxed))
    unsafe cell.record.pointee.targetPrevious = nil
    unsafe cell.record.pointee.targetNext = next
    if let next { unsafe next.record.pointee.targetPrevious = cell }
    unsafe cell.record.pointee.target.store(address, ordering: .relaxed)
    targets.store(cell.address, ordering: .releasing)
  }

  final func linkToken(_ cell: Cell) {
    let next = Cell(address: tokens.load(ordering: .relaxed))
    unsafe cell.record.pointee.tokenPrevious = nil
    unsafe cell.record.pointee.tokenNext = next
    if let next { unsafe next.record.pointee.tokenPrevious = cell }
    unsafe cell.record.pointee.token.store(address, ordering: .relaxed)
    tokens.store(cell.address, ordering: .releasing)
  }

  // In both functions below, the store to the list's head is the last access to the anchor, which may be gone right
  // after.

  @inline(__always)
  final func unlinkTarget(_ cell: Cell) {
    unsafe cell.record.pointee.target.store(0, ordering: .relaxed)
    let next = unsafe cell.record.pointee.targetNext
    let previous = unsafe cell.record.pointee.targetPrevious
    if let next { unsafe next.record.pointee.targetPrevious = previous }
    if let previous {
      unsafe previous.record.pointee.targetNext = next
    } else {
      targets.store(next?.address ?? 0, ordering: .releasing)
    }
  }

  final func unlinkToken(_ cell: Cell) {
    unsafe cell.record.pointee.token.store(0, ordering: .relaxed)
    let next = unsafe cell.record.pointee.tokenNext
    let previous = unsafe cell.record.pointee.tokenPrevious
    if let next { unsafe next.record.pointee.tokenPrevious = previous }
    if let previous {
      unsafe previous.record.pointee.tokenNext = next
    } else {
      tokens.store(next?.address ?? 0, ordering: .releasing)
    }
  }

  // MARK: Death

  /// Reports the object's death to the registries of its cells, after which no thread links a cell to the anchor.
  @inline(never)
  final func reportDeath() {
    let dead = AnchorLocks.shared.withLock(of: address) { () -> Cell? in
      var token = Cell(address: tokens.load(ordering: .relaxed))
      while let cell = token {
        token = unsafe cell.record.pointee.tokenNext
        // Releasing, because the cell may have another owner. That one reads 0 without the lock, and then gives the
        // cell away.
        unsafe cell.record.pointee.token.store(0, ordering: .releasing)
      }
      let first = Cell(address: targets.load(ordering: .relaxed))
      var target = first
      while let cell = target {
        target = unsafe cell.record.pointee.targetNext
        cell.queueNext = target
        unsafe cell.record.pointee.target.store(0, ordering: .relaxed)
      }
      tokens.store(0, ordering: .relaxed)
      targets.store(0, ordering: .relaxed)
      return first
    }
    var next = dead
    while let cell = next {
      // Read before the call, which gives the cell away.
      next = cell.queueNext
      cell.withOwner { $0.targetDied(cell) }
    }
    DeliveringThread.deliverPending()
  }
}

/// The locks of all anchors. An anchor's address selects its lock, so that a thread can take the lock before it knows
/// whether the anchor still exists.
struct AnchorLocks: Sendable {
  private let locks = SpinLocks(.anchor, count: 512)

  static let shared = AnchorLocks()

  @inline(__always)
  private func lock(_ address: UInt) -> SpinLock {
    let hash = UInt64(address) &* 0x9E37_79B9_7F4A_7C15
    return locks[Int(truncatingIfNeeded: hash >> 55)]
  }

  @inline(__always)
  func lock(of address: UInt) { lock(address).lock() }
  @inline(__always)
  func unlock(of address: UInt) { lock(address).unlock() }

  @inline(__always)
  func withLock<R>(of address: UInt, _ body: () -> R) -> R {
    lock(of: address)
    defer { unlock(of: address) }
    return body()
  }
}
