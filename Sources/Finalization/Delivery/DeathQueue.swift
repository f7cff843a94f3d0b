import NativeSynchronization
import ResourceLedger
import Synchronization

/// A registry's queue: cells whose targets died, and marks of a ``RegistryCore/flush()``, first one first.
///
/// Any thread pushes without a lock; whoever pops holds one for a moment. Apart from the registry's core, so that the
/// registry's books can count what waits without keeping the core alive.
// SAFETY: `taken` changes under `lock`; a cell in the queue is the queue's.
final class DeathQueue: @unchecked Sendable {
  /// Last one first: pushed by any thread, taken whole.
  private let ready = Atomic<UInt>(0)
  private let locks = SpinLocks(.deliveryQueue)
  private let lock: SpinLock
  /// Taken from `ready`, first one first.
  @exclusivity(unchecked) private var taken: Cell?

  init() { lock = locks[0] }

  deinit { locks.deallocate() }

  /// - Parameter beforeFirst: called at most once, before the cell is in the queue, and always if nothing else is there.
  /// - Returns: whether nothing was in `ready`: then a delivery has to be scheduled.
  @inline(__always)
  func push(_ cell: Cell, beforeFirst: () -> Void = {}) -> Bool {
    var head = ready.load(ordering: .relaxed)
    var isReadyForFirst = false
    while true {
      if head == 0, !isReadyForFirst {
        isReadyForFirst = true
        beforeFirst()
      }
      cell.queueNext = Cell(address: head)
      let (exchanged, original) = ready.weakCompareExchange(
        expected: head, desired: cell.address, successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed)
      if exchanged { return head == 0 }
      head = original
    }
  }

  func pop() -> Cell? {
    lock.lock()
    defer { lock.unlock() }
    if unsafe taken == nil {
      var pushed = Cell(address: ready.exchange(0, ordering: .sequentiallyConsistent))
      while let cell = pushed {
        pushed = cell.queueNext
        cell.queueNext = unsafe taken
        unsafe taken = cell
      }
    }
    let cell = unsafe taken
    unsafe taken = cell?.queueNext
    return cell
  }

  /// Cells that wait, of registrations that others ended meanwhile, too. Keeps those who pop waiting while it counts, and
  /// by that the cells in their registry's memory.
  var count: Int {
    lock.lock()
    defer { lock.unlock() }
    // Nobody takes a cell out of `ready` without the lock; those that are pushed meanwhile come before the head.
    return unsafe Self.count(from: taken) + Self.count(from: Cell(address: ready.load(ordering: .acquiring)))
  }

  private static func count(from first: Cell?) -> Int {
    var count = 0
    var next = first
    while let cell = next {
      if !cell.isMark { count += 1 }
      next = cell.queueNext
    }
    return count
  }
}
