import ResourceLedger
import Synchronization

/// Numbers that no two running threads have at the same time, from 1 to 63; a thread that finds none free
/// shares 0 with others.
enum ThreadSlots {
  static let count = 64
  /// A bit per slot in use; the lowest, for the shared one, always.
  private static let used = Atomic<UInt64>(1)
  static func makeStatics() { ForkGuard.touch(used) }

  static func take() -> Int {
    var bits = used.load(ordering: .relaxed)
    while bits != .max {
      let slot = (~bits).trailingZeroBitCount
      // Acquire: what the slot's last thread left behind is this one's now.
      let (exchanged, original) = used.weakCompareExchange(
        expected: bits, desired: bits | 1 << UInt64(slot), successOrdering: .acquiring, failureOrdering: .relaxed)
      if exchanged { return slot }
      bits = original
    }
    return 0
  }

  static func giveBack(_ slot: Int) {
    if slot != 0 { used.bitwiseAnd(~(1 << UInt64(slot)), ordering: .releasing) }
  }

  /// In a forked child, which has one thread: the others' slots are free.
  static func keepOnly(_ slot: Int) { used.store(1 | 1 << UInt64(slot), ordering: .relaxed) }
}

/// A piece of data for each thread slot, each in cache lines of its own and behind a lock that costs its own
/// thread next to nothing; and a way to hold all of them still.
// SAFETY: the memory is its owner's until `deallocate`; a value is used under its slot's lock.
@usableFromInline
@safe struct PerThread<Value: ~Copyable>: @unchecked Sendable {
  @usableFromInline struct Slot: ~Copyable {
    @usableFromInline var value: Value
    // Not first: a thread sanitizer takes a change of `value` for one of the whole, at its first byte.
    @usableFromInline let lock = AsymmetricLock()

    init(_ value: consuming Value) { self.value = value }
  }

  @usableFromInline let base: UnsafeMutableRawPointer
  /// Two cache lines: processors fetch them in pairs, and a neighbour's would be taken from it.
  private static var stride: Int { (MemoryLayout<Slot>.size + 127) & ~127 }
  @usableFromInline let stride: Int

  init(_ make: () -> Value) {
    stride = Self.stride
    unsafe base = .allocate(byteCount: ThreadSlots.count * Self.stride, alignment: 128)
    for index in 0..<ThreadSlots.count { unsafe slot(index).initialize(to: Slot(make())) }
  }

  func deallocate() {
    for index in 0..<ThreadSlots.count { unsafe slot(index).deinitialize(count: 1) }
    unsafe base.deallocate()
  }

  @inlinable
  @inline(__always)
  func slot(_ index: Int) -> UnsafeMutablePointer<Slot> {
    unsafe (base + index &* stride).assumingMemoryBound(to: Slot.self)
  }

  // MARK: One's own

  /// Locks this thread's slot. Code of a client does not run until ``unlock(_:_:)``.
  @inlinable
  @inline(__always)
  func lock(_ index: Int) -> UnsafeMutablePointer<Slot> {
    let slot = unsafe slot(index)
    if index != 0 { unsafe slot.pointee.lock.lockAsOwner() } else { unsafe slot.pointee.lock.want() }
    return unsafe slot
  }

  @inlinable
  @inline(__always)
  func unlock(_ index: Int, _ slot: UnsafeMutablePointer<Slot>) {
    if index != 0 { unsafe slot.pointee.lock.unlockAsOwner() } else { unsafe slot.pointee.lock.leave() }
  }

  // MARK: Everybody's

  /// Waits until no thread is in its slot, and keeps all out. About 4 microseconds.
  func lockAll() {
    for index in 0..<ThreadSlots.count { unsafe slot(index).pointee.lock.want() }
    heavyBarrier()
    for index in 0..<ThreadSlots.count { unsafe slot(index).pointee.lock.waitForOwner() }
  }

  func unlockAll() { for index in 0..<ThreadSlots.count { unsafe slot(index).pointee.lock.leave() } }

  /// With all locked, or for counts that may be a moment old.
  func forEach(_ body: (inout Value) -> Void) {
    for index in 0..<ThreadSlots.count { unsafe body(&slot(index).pointee.value) }
  }
}
