// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import NativeSynchronization
import Synchronization

/// Says when a registration was made, for the order of cleanups at exit.
///
/// A count that all threads share would make them wait for each other at every registration. So the order is by a clock
/// that advances whenever `runsAtExit` is set to true; registrations with the same clock are ordered by the number that
/// each has on its own thread. The order is exact on one thread. Between threads it is exact if `runsAtExit` was set
/// between the two registrations, and otherwise arbitrary.
struct ExitOrder: Comparable {
  private var clock: UInt64 = 0
  private var count: UInt64 = 0

  /// The order of no registration.
  init() {}

  /// Counts a registration of this thread, and says when it was made.
  @inline(__always)
  static func next() -> ExitOrder {
    let thread = unsafe cnativeruntime_current_thread()
    unsafe thread.pointee.registrations &+= 1
    var order = ExitOrder()
    order.clock = turns.load(ordering: .relaxed)
    order.count = unsafe thread.pointee.registrations
    return order
  }

  static func < (a: ExitOrder, b: ExitOrder) -> Bool { (a.clock, a.count) < (b.clock, b.count) }

  private static let turns = Atomic<UInt64>(0)
  static func makeStatics() { ForkGuard.touch(turns) }

  /// Advances the clock, because `runsAtExit` was set to true.
  static func advance() { turns.add(1, ordering: .relaxed) }
}
