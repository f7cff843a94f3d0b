import Glibc
import Synchronization

/// Keeps locks whole across `fork`: the forking thread takes all there are, in the order of ``LockRank``, so that the
/// child does not inherit one in the hands of a thread that it does not have.
///
/// No lock can be made that is not on the list: its initialiser puts it there. The handlers count no references and
/// allocate nothing, and what giving back needs of Swift's runtime, taking needed a moment before.
package enum ForkGuard {
  /// A lock, or several that are taken together, as `fork` knows it.
  // SAFETY: a record on the list, which changes under `registration`.
  @safe package struct Member: @unchecked Sendable {
    fileprivate let record: UnsafeMutablePointer<Record>
    /// Members are numbered from 1 on, in the order in which they were made.
    package var order: UInt64 { unsafe record.pointee.order }

    /// Puts a lock on the list. Its memory must stay until ``leave(_:)`` frees it.
    /// - Parameter take: waits for the lock, allocates nothing and runs no code of a client; nor does `giveBack`.
    package init(_ rank: LockRank, take: @escaping () -> Void, giveBack: @escaping () -> Void) {
      self.init(rank, take: take, giveBack: giveBack, inChild: nil)
    }

    fileprivate init(
      _ rank: LockRank, take: @escaping () -> Void, giveBack: @escaping () -> Void, inChild: (() -> Void)?
    ) {
      unsafe record = .allocate(capacity: 1)
      let list = unsafe list
      unsafe list.pointee.registration.lock()
      ForkGuard.removeLeft()
      let members = unsafe list.pointee.members
      let order = unsafe members.pointee.nextOrder()
      unsafe record.initialize(to: Record(rank: rank, order: order, take: take, giveBack: giveBack, inChild: inChild))
      unsafe members.pointee.append(record)
      unsafe list.pointee.registration.unlock()
    }

    /// Says that no thread holds or takes the lock any more, and has its memory freed once it is off the list: now, or by
    /// whoever next changes the list. Waits for nobody, since the last reference to a lock's owner may go while another
    /// lock is held, which a forking thread waits for while it keeps the list from changing.
    /// - Parameter free: frees the lock's memory, and does nothing else.
    package func leave(_ free: @escaping () -> Void) {
      let list = unsafe list
      unsafe record.pointee.free = free
      unsafe list.pointee.pushLeft(record)
      guard unsafe list.pointee.registration.tryLock() else { return }
      ForkGuard.removeLeft()
      unsafe list.pointee.registration.unlock()
    }

    /// Takes a child action off the list. By a thread that holds no lock.
    package func leaveNow() {
      let list = unsafe list
      unsafe list.pointee.registration.lock()
      let members = unsafe list.pointee.members
      unsafe members.pointee.remove(record)
      unsafe list.pointee.registration.unlock()
      unsafe record.deinitialize(count: 1)
      unsafe record.deallocate()
    }
  }

  @safe fileprivate struct Record {
    let rank: LockRank
    let order: UInt64
    let take: () -> Void
    let giveBack: () -> Void
    let inChild: (() -> Void)?
    var previous: UnsafeMutablePointer<Record>?
    var next: UnsafeMutablePointer<Record>?
    /// Frees the lock's memory; nil until it has left.
    var free: (() -> Void)?
    /// The record that left before it.
    var nextLeft: UInt = 0
  }

  /// What changes without being atomic has memory of its own, and is reached by a constant that holds its address: the
  /// thread sanitizer takes a change of one field for one of the whole.
  @safe private struct List: ~Copyable {
    /// Held during a first use. Taken before every other lock.
    let gate = RankedLock.ofForkGuard(.firstUse)
    /// Guards `members`.
    let registration = RankedLock.ofForkGuard(.registration)
    let members: UnsafeMutablePointer<Members>
    /// How many first uses the gate's holder has under way, one inside the other. Under `gate`.
    let depth: UnsafeMutablePointer<Int>
    /// The thread that holds the gate; 0 for none. Only that thread finds its own number here.
    let holder = Atomic<UInt>(0)
    /// Whether anything was used so far.
    let isUsed = Atomic<Bool>(false)
    /// How many forks lie between the process that used the library first and this one.
    let generation = Atomic<Int>(0)
    /// The records that left and are on the list still, the latest first: any thread pushes one, and the holder of
    /// `registration` takes them all.
    let left = Atomic<UInt>(0)

    init() {
      unsafe members = .allocate(capacity: 1)
      unsafe members.initialize(to: Members())
      unsafe depth = .allocate(capacity: 1)
      unsafe depth.initialize(to: 0)
    }

    func pushLeft(_ record: UnsafeMutablePointer<Record>) {
      var latest = left.load(ordering: .relaxed)
      while true {
        unsafe record.pointee.nextLeft = latest
        let (exchanged, original) = left.weakCompareExchange(
          expected: latest, desired: UInt(bitPattern: record), successOrdering: .releasing, failureOrdering: .relaxed)
        if exchanged { return }
        latest = original
      }
    }
  }

  /// What the list holds, under `registration`.
  @safe private struct Members: ~Copyable {
    /// The members of each rank, in the order in which they were made.
    var first = unsafe InlineArray<32, UnsafeMutablePointer<Record>?>(repeating: nil)
    var last = unsafe InlineArray<32, UnsafeMutablePointer<Record>?>(repeating: nil)
    var lastOrder: UInt64 = 0

    mutating func nextOrder() -> UInt64 {
      lastOrder += 1
      return lastOrder
    }

    mutating func append(_ record: UnsafeMutablePointer<Record>) {
      let rank = unsafe Int(record.pointee.rank.rawValue)
      unsafe record.pointee.previous = unsafe last[rank]
      if let last = unsafe last[rank] {
        unsafe last.pointee.next = unsafe record
      } else {
        unsafe first[rank] = unsafe record
      }
      unsafe last[rank] = unsafe record
    }

    mutating func remove(_ record: UnsafeMutablePointer<Record>) {
      let rank = unsafe Int(record.pointee.rank.rawValue)
      let (previous, next) = unsafe (record.pointee.previous, record.pointee.next)
      if let previous = unsafe previous {
        unsafe previous.pointee.next = unsafe next
      } else {
        unsafe first[rank] = unsafe next
      }
      if let next = unsafe next {
        unsafe next.pointee.previous = unsafe previous
      } else {
        unsafe last[rank] = unsafe previous
      }
    }
  }

  /// Made before `main`.
  // SAFETY: allocated once, never freed; what changes in it is atomic, or guarded as it says.
  nonisolated(unsafe) private static let list: UnsafeMutablePointer<List> = {
    let list = UnsafeMutablePointer<List>.allocate(capacity: 1)
    unsafe list.initialize(to: List())
    pthread_atfork({ ForkGuard.takeAll() }, { ForkGuard.giveBackAll() }, { ForkGuard.beginInChild() })
    return unsafe list
  }()

  /// Takes the records that left off the list, and frees what was theirs. Under `registration`.
  private static func removeLeft() {
    let list = unsafe list
    let members = unsafe list.pointee.members
    var address = unsafe list.pointee.left.exchange(0, ordering: .acquiring)
    // SAFETY: only `leave` pushes, and a record is its own until it is freed here.
    while let record = unsafe UnsafeMutablePointer<Record>(bitPattern: address) {
      unsafe address = record.pointee.nextLeft
      unsafe members.pointee.remove(record)
      unsafe record.pointee.free?()
      unsafe record.deinitialize(count: 1)
      unsafe record.deallocate()
    }
  }

  // MARK: The child

  /// Whether this process was forked from one that had used the library: no thread of that one goes on here, and neither
  /// do Dispatch's queues and Swift's executors.
  package static var isForkedChild: Bool { generation > 0 }

  /// Differs between a process and its forked child.
  package static var generation: Int { unsafe list.pointee.generation.load(ordering: .relaxed) }

  /// Has a closure called in every forked child, which has one thread and holds all locks, until the member leaves the
  /// list. For a few stores: what takes longer is for the child that goes on.
  @discardableResult
  package static func onChild(_ body: @escaping () -> Void) -> Member {
    Member(.firstUse, take: {}, giveBack: {}, inChild: body)
  }

  // MARK: The handlers

  private static func takeAll() {
    #if DEBUG
      LockWitness.willFork()
    #endif
    let list = unsafe list
    unsafe list.pointee.gate.lock()
    unsafe list.pointee.registration.lock()
    var rank = 0
    while rank < 32 {
      var member = unsafe list.pointee.members.pointee.first[rank]
      while let record = unsafe member {
        unsafe record.pointee.take()
        unsafe member = unsafe record.pointee.next
      }
      rank += 1
    }
  }

  private static func giveBackAll() {
    let list = unsafe list
    var rank = 31
    while rank >= 0 {
      var member = unsafe list.pointee.members.pointee.last[rank]
      while let record = unsafe member {
        unsafe record.pointee.giveBack()
        unsafe member = unsafe record.pointee.previous
      }
      rank -= 1
    }
    unsafe list.pointee.registration.unlock()
    unsafe list.pointee.gate.unlock()
  }

  private static func beginInChild() {
    let list = unsafe list
    // The child of a process that used nothing yet is a process like any other.
    guard unsafe list.pointee.isUsed.load(ordering: .relaxed) else { return giveBackAll() }
    unsafe list.pointee.generation.add(1, ordering: .relaxed)
    var rank = 0
    while rank < 32 {
      var member = unsafe list.pointee.members.pointee.first[rank]
      while let record = unsafe member {
        if let inChild = unsafe record.pointee.inChild { inChild() }
        unsafe member = unsafe record.pointee.next
      }
      rank += 1
    }
    giveBackAll()
  }

  // MARK: First uses

  /// For tests: called within a first use, by the thread that makes it.
  // SAFETY: set while there is one thread.
  nonisolated(unsafe) package static var onFirstUse: (@Sendable () -> Void)?

  /// Runs a closure that makes something for the process, one at a time, so that no child inherits it half made. A
  /// first use may lead to another one. Runs no code of a client, and is begun by a thread that holds no lock.
  @inline(never)
  package static func firstUse(_ make: () -> Void) {
    let list = unsafe list
    let depth = unsafe list.pointee.depth
    let thread = UInt(pthread_self())
    if unsafe list.pointee.holder.load(ordering: .relaxed) != thread {
      unsafe list.pointee.gate.lock()
      unsafe list.pointee.holder.store(thread, ordering: .relaxed)
    }
    unsafe list.pointee.isUsed.store(true, ordering: .relaxed)
    unsafe depth.pointee += 1
    unsafe onFirstUse?()
    make()
    unsafe depth.pointee -= 1
    if unsafe depth.pointee == 0 {
      unsafe list.pointee.holder.store(0, ordering: .relaxed)
      unsafe list.pointee.gate.unlock()
    }
  }

  // MARK: Before `main`

  /// Has a static made whose value nobody needs now: a child whose parent forked in the midst of a static's initialiser
  /// would wait for ever at that static.
  @inline(never)
  @_optimize(none)
  package static func touch<Value: ~Copyable>(_ value: borrowing Value) {}

  /// Makes the statics of this module. To be called before `main`.
  package static func makeStatics() {
    unsafe touch(list)
    unsafe touch(onFirstUse)
  }
}
