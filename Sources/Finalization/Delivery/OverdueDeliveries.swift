// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import Synchronization

/// The registries that have deaths to deliver, and for which no thread could be started because there was no room for
/// one: see ``ThreadRoom``.
///
/// It is tried again at every sweep, whenever an object is watched or an unused cell is needed, and when another
/// registry has something to deliver. A drain or a flush of such a registry delivers on the calling thread.
enum OverdueDeliveries {
  /// The address of the registry that was added last, retained; the others follow by `nextOverdue`. 0 for none.
  /// Registries are taken off all at once.
  private static let first = Atomic<UInt>(0)

  static func makeStatics() { ForkGuard.touch(first) }

  /// Adds a registry, unless it is listed.
  static func add(_ core: RegistryCore) {
    guard !core.isOverdue.exchange(true, ordering: .sequentiallyConsistent) else { return }
    let address = unsafe UInt(bitPattern: Unmanaged.passRetained(core).toOpaque())
    var head = first.load(ordering: .relaxed)
    while true {
      core.nextOverdue.store(head, ordering: .relaxed)
      let (exchanged, original) = first.weakCompareExchange(
        expected: head, desired: address, successOrdering: .releasing, failureOrdering: .relaxed)
      if exchanged { return }
      head = original
    }
  }

  /// Schedules the deliveries if there is room for a thread now. Cost if there are none: one load.
  @inline(__always)
  static func retry() { if first.load(ordering: .relaxed) != 0 { retryNow() } }

  private static func retryNow() {
    // Nothing runs in the background in a forked child.
    guard !ForkGuard.isForkedChild, ThreadRoom.isAvailable else { return }
    var next = first.exchange(0, ordering: .acquiring)
    while let pointer = unsafe UnsafeMutableRawPointer(bitPattern: next) {
      // SAFETY: retained in `add`, and taken off the list by this thread alone.
      let core = unsafe Unmanaged<RegistryCore>.fromOpaque(pointer).takeRetainedValue()
      next = core.nextOverdue.load(ordering: .relaxed)
      core.isOverdue.store(false, ordering: .sequentiallyConsistent)
      // If there is no room any more, this lists the registry again.
      core.schedule()
    }
  }
}
