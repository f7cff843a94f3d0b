// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import Synchronization

// How many bytes may be idle in a depot.
//
//     idleByteLimit == bytes of all listed blocks + unreserved room + rooms of the stripes
//
// Room is what may still become idle. Each stripe has room of its own, so a block that is pushed or popped changes only
// the word of the thread's stripe. In the equation, a block that a thread is pushing or popping counts as listed, and
// so does room that a thread is moving. A stripe's room is below 0 while one of its threads looks for more, in this
// order:
//
//     1  a share of the unreserved room
//     2  the room that other stripes have and do not use
//     3  if the maintenance thread accepts debts: more unreserved room than there is. The unreserved room is then below
//        0, and that is the depot's *debt*. The thread that lists the next block calls the maintenance thread, which
//        gives blocks back to jemalloc until the debt is paid.
//
// If there is no debt, the equation says that the limit is kept, because the stripes' rooms are 0 or more. Room of
// blocks that go back to jemalloc becomes unreserved, so it pays a debt.
//
// All steps change single words by atomic operations, so no thread ever waits for another one.
// Tests/Models/idle-limit.pml checks them over all interleavings.

extension Depot {
  /// The most blocks by which a depot may exceed its limit: the maintenance thread would need too long for more.
  static var blockCountBeyondLimit: Int { 1_024 }

  /// Finds room for a stripe whose room is below 0.
  /// - Parameter blockByteCount: the bytes of one of the blocks that need the room.
  /// - Returns: false if there is none.
  @inline(never)
  func findRoom(_ own: Int, blockByteCount: Int) -> Bool {
    reserveRoom(own)
    for distance in 1..<stripeCount where lackedRoom(own) > 0 {
      let other = (own + distance) & (stripeCount - 1)
      _ = unsafe moveRoom(atMost: .max, from: room(other).pointee, to: room(own).pointee)
    }
    return lackedRoom(own) == 0 || makeDebt(own, blockByteCount: blockByteCount)
  }

  /// The bytes by which a stripe's room is below 0.
  private func lackedRoom(_ stripe: Int) -> Int { max(0, -(unsafe room(stripe).pointee.load(ordering: .relaxed))) }

  /// Moves a share of the unreserved room to a stripe: what the stripe lacks, or more.
  private func reserveRoom(_ own: Int) {
    let unreserved = unsafe counters.pointee.unreservedRoom.load(ordering: .relaxed)
    guard unreserved > 0 else { return }
    let share = unsafe counters.pointee.idleByteLimit / (4 * stripeCount)
    // Less is granted if the process's own limit on what it maps leaves less.
    let granted = MappingRoom.grant(atMost: min(unreserved, max(lackedRoom(own), share)))
    let moved = unsafe moveRoom(atMost: granted, from: counters.pointee.unreservedRoom, to: room(own).pointee)
    MappingRoom.withdraw(granted - moved)
  }

  /// Gives a stripe what it lacks although no room is left, if the maintenance thread will pay the debt soon and the
  /// debt stays below an eighth of the limit and one block.
  private func makeDebt(_ own: Int, blockByteCount: Int) -> Bool {
    guard Maintenance.acceptsDebts else { return false }
    let counters = unsafe counters
    let lacked = lackedRoom(own)
    let largestDebt = unsafe min(
      counters.pointee.idleByteLimit / 8 + blockByteCount, Self.blockCountBeyondLimit * blockByteCount)
    var unreserved = unsafe counters.pointee.unreservedRoom.load(ordering: .relaxed)
    guard unreserved - lacked >= -largestDebt else { return false }
    let granted = MappingRoom.grant(atMost: lacked)
    while granted == lacked, unreserved - lacked >= -largestDebt {
      let (exchanged, original) = unsafe counters.pointee.unreservedRoom.weakCompareExchange(
        expected: unreserved, desired: unreserved - lacked, ordering: .sequentiallyConsistent)
      if exchanged {
        unsafe counters.pointee.moveCount.add(1, ordering: .acquiringAndReleasing)
        unsafe room(own).pointee.add(lacked, ordering: .releasing)
        // The thread that lists the next block calls maintenance: this one, or another one.
        requestCall()
        return true
      }
      unreserved = original
    }
    MappingRoom.withdraw(granted)
    return false
  }

  /// The bytes by which the unreserved room is below 0.
  var debt: Int { max(0, -(unsafe counters.pointee.unreservedRoom.load(ordering: .sequentiallyConsistent))) }

  /// Makes the room of a block that goes back to jemalloc unreserved.
  func addUnreservedRoom(_ byteCount: Int) {
    unsafe counters.pointee.unreservedRoom.add(byteCount, ordering: .sequentiallyConsistent)
    MappingRoom.withdraw(byteCount)
  }

  /// Makes the room that stripes have and do not use unreserved. At its next block, a stripe reserves room again.
  func withdrawRoom() {
    for stripe in 0..<stripeCount {
      let moved = unsafe moveRoom(atMost: .max, from: room(stripe).pointee, to: counters.pointee.unreservedRoom)
      MappingRoom.withdraw(moved)
    }
  }

  /// Moves room, if the source has any.
  /// - Returns: the bytes moved.
  private func moveRoom(
    atMost limit: Int, from source: borrowing Atomic<Int>, to destination: borrowing Atomic<Int>
  ) -> Int {
    var available = source.load(ordering: .relaxed)
    while min(available, limit) > 0 {
      let moved = min(available, limit)
      let (exchanged, original) = source.weakCompareExchange(
        expected: available, desired: available - moved, ordering: .sequentiallyConsistent)
      if exchanged {
        // Counted before the room is added, so that a sum in which the room counts twice is done again.
        unsafe counters.pointee.moveCount.add(1, ordering: .acquiringAndReleasing)
        destination.add(moved, ordering: .sequentiallyConsistent)
        return moved
      }
      available = original
    }
    return 0
  }

  /// The bytes of all idle blocks. Blocks that are pushed or popped meanwhile may count or not.
  var idleByteCount: Int {
    while true {
      let moves = unsafe counters.pointee.moveCount.load(ordering: .acquiring)
      var room = unsafe counters.pointee.unreservedRoom.load(ordering: .sequentiallyConsistent)
      for stripe in 0..<stripeCount { room += unsafe self.room(stripe).pointee.load(ordering: .acquiring) }
      // While threads move room, room may count twice here.
      if unsafe moves == counters.pointee.moveCount.load(ordering: .relaxed) {
        return unsafe counters.pointee.idleByteLimit - room
      }
    }
  }
}
