// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

// A flush puts a mark behind all queued cells and waits until a delivery takes the mark from the queue. By then every
// cell before the mark was taken by a *session*: a delivery of up to 256 cells, or an inline delivery of one. The flush
// then increments the epoch and waits for the sessions of the old parity. It does this for both parities, because a
// session may have read the epoch just before an increment.

extension RegistryCore {
  var epochNow: Int { epoch.load(ordering: .sequentiallyConsistent) }

  func beginSession(_ epoch: Int) {
    if epoch & 1 == 0 {
      evenSessions.add(1, ordering: .sequentiallyConsistent)
    } else {
      oddSessions.add(1, ordering: .sequentiallyConsistent)
    }
  }

  func endSession(_ epoch: Int) {
    if epoch & 1 == 0 {
      evenSessions.subtract(1, ordering: .sequentiallyConsistent)
    } else {
      oddSessions.subtract(1, ordering: .sequentiallyConsistent)
    }
  }

  private func sessionCount(_ epoch: Int) -> Int {
    epoch & 1 == 0
      ? evenSessions.load(ordering: .sequentiallyConsistent) : oddSessions.load(ordering: .sequentiallyConsistent)
  }

  /// See ``FinalizationRegistry/flush()``.
  func flush() {
    guard !mustNotWait else { return drainReporting() }
    WatchTable.shared.sweep()
    flushing.wait()
    defer { flushing.signal() }
    if !delivery.isInline { awaitMark() }
    for _ in 0..<2 {
      let old = epoch.add(1, ordering: .sequentiallyConsistent).oldValue
      var backOff = BackOff()
      while sessionCount(old) > 0 { backOff.pause() }
    }
  }

  /// Whether the call would wait for itself, or no other thread delivers.
  private var mustNotWait: Bool {
    if delivery.isManual || DeliveringThread.isDelivering { return true }
    if ForkGuard.isForkedChild { return true }
    guard let queue else { return false }
    return DispatchQueue.getSpecific(key: Self.queueKey) == ObjectIdentifier(queue)
  }

  private func awaitMark() {
    let record = UnsafeMutablePointer<CellRecord>.allocate(capacity: 1)
    // A mark has no entry; the one that it names is never used.
    unsafe record.initialize(to: CellRecord(entry: Ledger.shared.entry(at: 0), owner: self))
    unsafe record.pointee.flags.store(CellRecord.Flags.isMark, ordering: .relaxed)
    if deaths.push(unsafe Cell(record: record)) { schedule() }
    var backOff = BackOff()
    while unsafe record.pointee.flags.load(ordering: .acquiring) & CellRecord.Flags.isReached == 0 {
      // No other thread delivers if there was no room to start one.
      if isOverdue.load(ordering: .sequentiallyConsistent) { deliverScheduled() }
      backOff.pause()
    }
    unsafe record.deinitialize(count: 1)
    unsafe record.deallocate()
  }
}

/// The queue whose threads asynchronous flushes block.
enum FlushQueue {
  static let shared = DispatchQueue(label: "finalization flush", qos: .utility, attributes: .concurrent)
}
