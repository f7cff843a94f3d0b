public import CFinalization
import Glibc
import Synchronization

#if DEBUG
  public import ResourceLedger
#else
  import ResourceLedger
#endif

/// A lock that one thread takes often, with two plain stores and a load, and any other seldom, with a
/// system call: Dekker's algorithm over a one-sided barrier (as in liburcu and in the Linux kernel's
/// documentation of membarrier).
///
/// The owner says that it is inside and looks whether anybody wants in; a visitor says that it wants in,
/// makes all threads pass a barrier, and looks whether the owner is inside. At least one of them sees the
/// other. Neither enters twice.
@usableFromInline
struct AsymmetricLock: ~Copyable {
  @usableFromInline let isHeld = Atomic<UInt32>(0)
  @usableFromInline let isWanted = Atomic<UInt32>(0)

  /// Only ``PerThread`` makes one, which `fork` knows.
  fileprivate init() {}

  // MARK: The owner

  @inlinable
  @inline(__always)
  func lockAsOwner() {
    isHeld.store(1, ordering: .relaxed)
    cfinalization_light_barrier()
    if isWanted.load(ordering: .acquiring) != 0 { giveWay() }
  }

  @inlinable
  @inline(__always)
  func unlockAsOwner() { isHeld.store(0, ordering: .releasing) }

  @usableFromInline
  @inline(never)
  func giveWay() {
    var wait = Spin()
    repeat {
      isHeld.store(0, ordering: .releasing)
      while isWanted.load(ordering: .relaxed) != 0 { wait.turn() }
      isHeld.store(1, ordering: .relaxed)
      cfinalization_light_barrier()
    } while isWanted.load(ordering: .acquiring) != 0
  }

  // MARK: Visitors, of whom one at a time gets in

  /// Keeps the owner from entering. Then a heavy barrier, then ``waitForOwner()``.
  @inlinable
  @inline(__always)
  func want() {
    if isWanted.exchange(1, ordering: .acquiring) != 0 { waitForVisitor() }
  }

  @usableFromInline
  @inline(never)
  func waitForVisitor() {
    var wait = Spin()
    while isWanted.exchange(1, ordering: .acquiring) != 0 { wait.turn() }
  }

  func waitForOwner() {
    var wait = Spin()
    while isHeld.load(ordering: .acquiring) != 0 { wait.turn() }
  }

  @inlinable
  @inline(__always)
  func leave() { isWanted.store(0, ordering: .releasing) }
}

/// A piece of data for each thread slot, each in cache lines of its own and behind a lock that costs its own
/// thread next to nothing; and a way to hold all of them still. `fork` keeps the locks whole.
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
  private let member: ForkGuard.Member
  #if DEBUG
    @usableFromInline let rank: LockRank
    @usableFromInline let order: UInt64
  #endif

  init(_ rank: LockRank, _ make: () -> Value) {
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

  func deallocate() {
    // A fork may take the locks until they have left the list: their bits stay as they are until then.
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

  // MARK: One's own

  /// Locks this thread's slot. Code of a client does not run until ``unlock(_:_:)``.
  @inlinable
  @inline(__always)
  func lock(_ index: Int) -> UnsafeMutablePointer<Slot> {
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
  func unlock(_ index: Int, _ slot: UnsafeMutablePointer<Slot>) {
    #if DEBUG
      LockWitness.willGiveBack(rank)
    #endif
    if index != 0 { unsafe slot.pointee.lock.unlockAsOwner() } else { unsafe slot.pointee.lock.leave() }
  }

  // MARK: Everybody's

  /// Waits until no thread is in its slot, and keeps all out. About 4 microseconds.
  func lockAll() {
    #if DEBUG
      LockWitness.willTake(rank, order: order)
    #endif
    unsafe Self.takeAll(base, stride)
    #if DEBUG
      LockWitness.didTake(rank, order: order)
    #endif
  }

  func unlockAll() {
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
    heavyBarrier()
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

  /// With all locked, or for counts that may be a moment old.
  func forEach(_ body: (inout Value) -> Void) {
    for index in 0..<ThreadSlots.count { unsafe body(&slot(index).pointee.value) }
  }
}

/// Waits for another thread that needs a few instructions more.
@usableFromInline
struct Spin {
  private var turns = 0

  @usableFromInline init() {}

  mutating func turn() {
    turns += 1
    // The other may have lost its processor: spinning on would keep it from running.
    if turns > 64 { sched_yield() }
  }
}
