// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Synchronization

/// One value for each of ``ThreadSlots``. A thread locks the value of its own slot at very little cost; ``lockAll()``
/// locks the values of all threads. The locks stay usable across `fork`.
///
/// ```text
/// base                 base + stride         base + 2 * stride
/// | value 0 | lock 0 | | value 1 | lock 1 |  | value 2 | lock 2 |  ...  up to slot 63
///   shared               one thread            one thread
/// ```
///
/// A slot from 1 on belongs to one thread, which takes its lock as the owner (``AsymmetricLock``). All threads without
/// a slot of their own share slot 0; there each of them is a visitor. So is a thread that locks all slots:
///
/// 1. It says in every slot that it wants to come in.
/// 2. It passes one heavy barrier, which is enough for all slots: no owner comes in after this step.
/// 3. It waits in every slot until the owner is outside.
// SAFETY: the memory stays until `deallocate()`; a value is used under the lock of its slot.
@usableFromInline
@safe package struct PerThread<Value: ~Copyable>: @unchecked Sendable {
  @usableFromInline package struct Slot: ~Copyable {
    /// Synchronization: the slot's `lock`. ``PerThread/forEach(_:)`` may also read counts in it without the lock.
    @usableFromInline package var value: Value
    // The lock is not the first field, because the thread sanitizer takes a change of `value` for a change of the
    // struct's first byte.
    @usableFromInline let lock = AsymmetricLock()

    init(_ value: consuming Value) { self.value = value }
  }

  @usableFromInline let base: UnsafeMutableRawPointer
  /// A slot takes whole pairs of cache lines. Processors fetch lines in pairs, so a thread would otherwise take away
  /// the line that the neighbour's thread uses.
  private static var stride: Int { (MemoryLayout<Slot>.size + 127) & ~127 }
  @usableFromInline let stride: Int
  private let member: ForkGuard.Member
  #if DEBUG
    @usableFromInline let rank: LockRank
    @usableFromInline let order: UInt64
  #endif

  package init(_ rank: LockRank, _ make: () -> Value) {
    let stride = Self.stride
    let base = UnsafeMutableRawPointer.allocate(byteCount: ThreadSlots.count * stride, alignment: 128)
    self.stride = stride
    unsafe self.base = unsafe base
    for index in 0..<ThreadSlots.count {
      unsafe Self.slot(index, base, stride).initialize(to: Slot(make()))
    }
    member = ForkGuard.Member(
      rank, take: { unsafe Self.takeAll(base, stride) }, giveBack: { unsafe Self.giveBackAll(base, stride) })
    #if DEBUG
      self.rank = rank
      order = member.order
    #endif
  }

  /// Frees the values and the locks. No thread may use them any more.
  package func deallocate() {
    // A fork may take the locks until they have left the list. So their memory stays until then. Deinitialising does
    // not change its bits.
    for index in 0..<ThreadSlots.count { unsafe slot(index).deinitialize(count: 1) }
    let base = unsafe base
    member.leave { unsafe base.deallocate() }
  }

  @inlinable
  @inline(__always)
  static func slot(_ index: Int, _ base: UnsafeMutableRawPointer, _ stride: Int) -> UnsafeMutablePointer<Slot> {
    unsafe (base + index &* stride).assumingMemoryBound(to: Slot.self)
  }

  @inlinable
  @inline(__always)
  func slot(_ index: Int) -> UnsafeMutablePointer<Slot> { unsafe Self.slot(index, base, stride) }

  // MARK: The calling thread's slot

  /// Locks the calling thread's slot, whose number is `index`. No code of a client may run until ``unlock(_:_:)``.
  @inlinable
  @inline(__always)
  package func lock(_ index: Int) -> UnsafeMutablePointer<Slot> {
    #if DEBUG
      LockWitness.willTake(rank, order: order)
    #endif
    let slot = unsafe slot(index)
    if index != 0 { unsafe slot.pointee.lock.lockAsOwner() } else { unsafe slot.pointee.lock.want() }
    #if DEBUG
      LockWitness.didTake(rank, order: order)
    #endif
    return unsafe slot
  }

  @inlinable
  @inline(__always)
  package func unlock(_ index: Int, _ slot: UnsafeMutablePointer<Slot>) {
    #if DEBUG
      LockWitness.willGiveBack(rank)
    #endif
    if index != 0 { unsafe slot.pointee.lock.unlockAsOwner() } else { unsafe slot.pointee.lock.leave() }
  }

  // MARK: The slots of all threads

  /// Keeps all threads out of their slots, and waits until none is inside. Takes about 4 microseconds.
  package func lockAll() {
    #if DEBUG
      LockWitness.willTake(rank, order: order)
    #endif
    unsafe Self.takeAll(base, stride)
    #if DEBUG
      LockWitness.didTake(rank, order: order)
    #endif
  }

  package func unlockAll() {
    #if DEBUG
      LockWitness.willGiveBack(rank)
    #endif
    unsafe Self.giveBackAll(base, stride)
  }

  private static func takeAll(_ base: UnsafeMutableRawPointer, _ stride: Int) {
    var index = 0
    while index < ThreadSlots.count {
      unsafe slot(index, base, stride).pointee.lock.want()
      index += 1
    }
    cnativeruntime_heavy_barrier()
    index = 0
    while index < ThreadSlots.count {
      unsafe slot(index, base, stride).pointee.lock.waitForOwner()
      index += 1
    }
  }

  private static func giveBackAll(_ base: UnsafeMutableRawPointer, _ stride: Int) {
    var index = 0
    while index < ThreadSlots.count {
      unsafe slot(index, base, stride).pointee.lock.leave()
      index += 1
    }
  }

  /// Calls a closure with each value. Lock all slots before, unless the closure only reads counts that may be slightly
  /// out of date.
  package func forEach(_ body: (inout Value) -> Void) {
    for index in 0..<ThreadSlots.count { unsafe body(&slot(index).pointee.value) }
  }
}
