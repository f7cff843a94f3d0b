import ResourceLedger
import Synchronization

/// An object that reports its own death.
///
///     final class Texture: Finalizable {
///       let finalizationAnchor = FinalizationAnchor()
///     }
///
/// Cleanups that are registered on it are due at once when it dies. Store the anchor in a `let`, one per
/// object; an anchor that is computed, replaced or shared reports another moment than the object's death: the end of the
/// anchor that the object showed when it was registered. Each held value is delivered or released once all the same. One
/// that owns that anchor would keep it for ever: it is refused where that is plain to see; where it owns the anchor by way
/// of other objects, that is a retain cycle, which the registry's `count` and a scope of the audit (`held`) show.
///
/// The anchor dies with the class that stores it. Swift destroys a base class's fields before a derived
/// class's: so where a base class has the anchor, the cleanup is due while the derived class's fields still
/// exist (after its deinit has run). Store the anchor in the most derived class where that matters.
public protocol Finalizable: AnyObject {
  var finalizationAnchor: FinalizationAnchor { get }
}

/// The part of an object whose own end reports the object's: see ``Finalizable``.
///
/// Not `Equatable`, and of no use but to be stored. Whoever else holds it delays the report.
// SAFETY: atomics only; so are those of its one subclass, ``Watch``.
public class FinalizationAnchor: @unchecked Sendable {
  /// First of the cells whose target this is. Changes under `lock`.
  final let targets = Atomic<UInt>(0)
  /// First of the cells whose token this is, and is not their target. Changes under `lock`.
  final let tokens = Atomic<UInt>(0)
  /// The object that this anchor was first used for; 0 for none. Compared, never followed.
  private final let owner = Atomic<UInt>(0)

  public init() {}

  deinit {
    // Acquire: whoever unlinked the last cell is done with this anchor.
    if targets.load(ordering: .acquiring) | tokens.load(ordering: .acquiring) != 0 { reportDeath() }
  }

  /// Whether this anchor may stand for an object: for the first one that asks, always.
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

  /// Under the anchor's lock, for an anchor that has a cell on a list: it exists, though its end may have
  /// begun.
  @inline(__always)
  static func with(_ address: UInt, _ body: (FinalizationAnchor) -> Void) {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: address) else { return }
    // SAFETY: its deinit waits for this lock before it ends. Without a retain, which a dying object forbids.
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

  // The store to the list's head is the last that either does to the anchor: it may be gone right after.

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

  /// Hands the cells of the object that died to their registries; nobody links any more.
  @inline(never)
  final func reportDeath() {
    let dead = AnchorLocks.shared.withLock(of: address) { () -> Cell? in
      var token = Cell(address: tokens.load(ordering: .relaxed))
      while let cell = token {
        token = unsafe cell.record.pointee.tokenNext
        unsafe cell.record.pointee.token.store(0, ordering: .relaxed)
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
      // Before `enqueue`, which gives the cell away.
      next = cell.queueNext
      RegistryCore.enqueue(cell)
    }
    DeliveringThread.deliverPending()
  }
}
