// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger
import Synchronization

/// A registry's queue of the cells whose targets died, and of the marks of ``RegistryCore/flush()``, in order of
/// arrival.
///
/// Any thread pushes without a lock; a thread that pops holds a lock for a moment. The queue is an object apart from
/// the registry's core, so that the registry's books can count the waiting cells without keeping the core alive.
// SAFETY: `taken` changes under `lock`; a cell in the queue belongs to the queue.
final class DeathQueue: @unchecked Sendable {
  /// Address of the cell that was pushed last; the others follow by `queueNext`. A pop takes all of them at once.
  private let ready = Atomic<UInt>(0)
  private let locks = SpinLocks(.deliveryQueue)
  private let lock: SpinLock
  /// Cells taken from `ready`, the one that was pushed first at the front. Guarded by `lock`.
  @exclusivity(unchecked) private var taken: Cell?

  init() { lock = locks[0] }

  deinit { locks.deallocate() }

  /// - Parameter beforeFirst: called each time `ready` is found empty, before the cell is in the queue: perhaps several
  ///   times, and perhaps although another cell comes first.
  /// - Returns: whether `ready` was empty. Then the caller must schedule a delivery.
  @inline(__always)
  func push(_ cell: Cell, beforeFirst: () -> Void = {}) -> Bool {
    var head = ready.load(ordering: .relaxed)
    while true {
      if head == 0 { beforeFirst() }
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

  /// Cells that wait, including those whose registrations were ended meanwhile. While it counts, no thread can pop, so
  /// that the cells stay in the queue.
  var count: Int {
    lock.lock()
    defer { lock.unlock() }
    // No thread takes cells out of `ready` without the lock. Cells that are pushed meanwhile come before the head.
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
