// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime

/// Runs cleanups on this thread, and delivers inline the deaths that this thread reports.
///
/// A cleanup raises `cleanup_depth`. If a target dies and its registry delivers inline, its cell goes on the thread's
/// pending list. The list is delivered when no cleanup runs on the thread, so that a long chain of deaths causes no
/// recursion.
enum DeliveringThread {
  @inline(__always)
  private static var record: UnsafeMutablePointer<cnativeruntime_thread> { unsafe cnativeruntime_current_thread() }

  /// Whether a cleanup of some registry runs on this thread.
  static var isDelivering: Bool { unsafe record.pointee.cleanup_depth > 0 }

  /// Runs a cleanup, and then delivers the deaths in it, unless this cleanup runs inside another one.
  @inline(__always)
  static func run<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    unsafe record.pointee.cleanup_depth += 1
    defer {
      unsafe record.pointee.cleanup_depth -= 1
      if unsafe record.pointee.first_pending != nil { deliverPending() }
    }
    return try body()
  }

  static func append(_ cell: Cell) {
    cell.queueNext = nil
    let address = unsafe UnsafeMutableRawPointer(cell.record)
    // SAFETY: the list holds cells only.
    if let last = unsafe record.pointee.last_pending {
      unsafe Cell(record: last.assumingMemoryBound(to: CellRecord.self)).queueNext = cell
    } else {
      unsafe record.pointee.first_pending = address
    }
    unsafe record.pointee.last_pending = address
  }

  /// Takes the first pending cell of the given registry, or of any registry if none is given.
  static func takePending(of owner: CellOwner? = nil) -> Cell? {
    var previous: Cell?
    // SAFETY: the list holds cells only.
    var candidate = unsafe record.pointee.first_pending.map {
      unsafe Cell(record: $0.assumingMemoryBound(to: CellRecord.self))
    }
    while let cell = candidate, let owner, !cell.belongs(to: owner) {
      previous = cell
      candidate = cell.queueNext
    }
    guard let cell = candidate else { return nil }
    let next = cell.queueNext
    if let previous {
      previous.queueNext = next
    } else {
      unsafe record.pointee.first_pending = next.map { unsafe UnsafeMutableRawPointer($0.record) }
    }
    if next == nil {
      unsafe record.pointee.last_pending = previous.map { unsafe UnsafeMutableRawPointer($0.record) }
    }
    return cell
  }

  /// Delivers the thread's pending cells, unless a cleanup runs on the thread.
  static func deliverPending() {
    guard unsafe record.pointee.cleanup_depth == 0, unsafe record.pointee.first_pending != nil else { return }
    unsafe record.pointee.cleanup_depth = 1
    while let cell = takePending() { cell.owner.deliverPending(cell) }
    unsafe record.pointee.cleanup_depth = 0
  }

  /// Keeps cells pending until ``releasePending()``, while this thread holds a lock. Pairs of the two may nest.
  static func holdPending() { unsafe record.pointee.cleanup_depth += 1 }

  static func releasePending() {
    unsafe record.pointee.cleanup_depth -= 1
    deliverPending()
  }
}
