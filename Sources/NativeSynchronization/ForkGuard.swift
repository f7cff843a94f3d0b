// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Keeps locks usable across `fork`. The child has only the forking thread. If another thread held a lock at the moment
/// of the fork, no thread of the child could ever give that lock back. So the forking thread takes all locks:
///
/// ```text
/// before the fork:     wait until the library's own thread rests, then take the gate of first uses, then the list's
///                      lock, then all locks on the list, by rank
/// after it, parent:    give all locks back, in the opposite order
/// after it, child:     count the generation, run the child actions (onChild), then give all locks back
/// ```
///
/// Each lock's initialiser puts it on the list, so none can be missing there. The handlers count no references and
/// allocate nothing. The handlers that run after the fork use only those parts of Swift's runtime that the handler
/// before the fork has just used.
package enum ForkGuard {
  /// A member of the list: a lock, several locks that are taken together, or an action for forked children.
  // SAFETY: points to a record, whose variables say how they are synchronised.
  @safe package struct Member: @unchecked Sendable {
    fileprivate let record: UnsafeMutablePointer<Record>
    /// Members are numbered from 1 on, in the order in which they were made.
    package var order: UInt64 { unsafe record.pointee.order }

    /// Puts a lock on the list. The lock's memory must stay until ``leave(_:)`` frees it.
    /// - Parameter take: waits for the lock. Neither `take` nor `giveBack` may allocate, or run code of a client.
    package init(_ rank: LockRank, take: @escaping () -> Void, giveBack: @escaping () -> Void) {
      self.init(rank, take: take, giveBack: giveBack, inChild: nil)
    }

    fileprivate init(
      _ rank: LockRank, take: @escaping () -> Void, giveBack: @escaping () -> Void, inChild: (() -> Void)?
    ) {
      unsafe record = .allocate(capacity: 1)
      let list = unsafe list
      unsafe list.pointee.registration.lock()
      ForkGuard.removeDeparted()
      let members = unsafe list.pointee.members
      let order = unsafe members.pointee.nextOrder()
      unsafe record.initialize(to: Record(rank: rank, order: order, take: take, giveBack: giveBack, inChild: inChild))
      unsafe members.pointee.append(record)
      unsafe list.pointee.registration.unlock()
    }

    /// Takes the lock off the list and then frees its memory. No thread may hold or take the lock any more.
    ///
    /// This never waits. If another thread uses the list, the lock is removed and freed at the next change of the list.
    /// If `leave` waited, it could wait for ever: the caller may hold another lock, and a forking thread that keeps the
    /// list may wait for that lock.
    /// - Parameter free: frees the lock's memory, and does nothing else.
    package func leave(_ free: @escaping () -> Void) {
      let list = unsafe list
      unsafe record.pointee.free = free
      unsafe list.pointee.pushDeparted(record)
      guard unsafe list.pointee.registration.tryLock() else { return }
      ForkGuard.removeDeparted()
      unsafe list.pointee.registration.unlock()
    }

    /// Takes a child action off the list. The calling thread must hold no lock.
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

  /// A member's entry in the list.
  @safe fileprivate struct Record {
    let rank: LockRank
    let order: UInt64
    let take: () -> Void
    let giveBack: () -> Void
    let inChild: (() -> Void)?
    /// The members of the same rank that were made before and after this one.
    ///
    /// Synchronization: `registration`.
    var previous: UnsafeMutablePointer<Record>?
    var next: UnsafeMutablePointer<Record>?
    /// Frees the lock's memory; nil until ``Member/leave(_:)`` is called.
    ///
    /// Synchronization: written before `leave` pushes the record, and read after the record is taken.
    var free: (() -> Void)?
    /// The address of the record that departed before this one and is still in the list; 0 for none.
    ///
    /// Synchronization: as for `free`.
    var nextDeparted: UInt = 0
  }

  /// The guard's state. A variable that is not atomic has an allocation of its own, to which a constant points, because
  /// the thread sanitizer would take a change of one field for a change of the whole struct.
  @safe private struct List: ~Copyable {
    /// Held while the library's own thread works, and taken before every other lock.
    let ownThread = RankedLock.ofForkGuard(.ownThread)
    /// The gate: held during a first use, and taken before every other lock but `ownThread`.
    let gate = RankedLock.ofForkGuard(.firstUse)
    /// Guards `members`.
    let registration = RankedLock.ofForkGuard(.registration)
    /// Synchronization: `registration`.
    let members: UnsafeMutablePointer<Members>
    /// How many first uses are running on the thread that holds the gate, one inside another.
    ///
    /// Synchronization: `gate`.
    let depth: UnsafeMutablePointer<Int>
    /// The thread that holds the gate; 0 for none.
    ///
    /// Synchronization: atomic; written under `gate`. So a thread finds its own number here only if it holds the gate.
    let holder = Atomic<UInt>(0)
    /// Whether there was a first use, in this process or in one that it was forked from.
    ///
    /// Synchronization: atomic; written under `gate`.
    let isUsed = Atomic<Bool>(false)
    /// How many forks lie between this process and the process that used the library first.
    ///
    /// Synchronization: atomic; written by the only thread of a forked child.
    let generation = Atomic<Int>(0)
    /// The departed records: their members have left, and they are still in the list. The latest comes first.
    ///
    /// Synchronization: atomic. Any thread may push a record; only the thread that holds `registration` takes them, all
    /// together.
    let departed = Atomic<UInt>(0)

    init() {
      unsafe members = .allocate(capacity: 1)
      unsafe members.initialize(to: Members())
      unsafe depth = .allocate(capacity: 1)
      unsafe depth.initialize(to: 0)
    }

    func pushDeparted(_ record: UnsafeMutablePointer<Record>) {
      var latest = departed.load(ordering: .relaxed)
      while true {
        unsafe record.pointee.nextDeparted = latest
        let (exchanged, original) = departed.weakCompareExchange(
          expected: latest, desired: UInt(bitPattern: record), successOrdering: .releasing, failureOrdering: .relaxed)
        if exchanged { return }
        latest = original
      }
    }
  }

  /// The members of the list.
  ///
  /// Synchronization: `registration`.
  @safe private struct Members: ~Copyable {
    /// The first and the last member of each rank. Members are linked in the order in which they were made.
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
  // SAFETY: allocated once and never freed; its variables say how they are synchronised.
  nonisolated(unsafe) private static let list: UnsafeMutablePointer<List> = {
    let list = UnsafeMutablePointer<List>.allocate(capacity: 1)
    unsafe list.initialize(to: List())
    pthread_atfork({ ForkGuard.takeAll() }, { ForkGuard.giveBackAll() }, { ForkGuard.beginInChild() })
    return unsafe list
  }()

  /// Removes the departed records from the list, and frees them and their locks. The caller holds `registration`.
  private static func removeDeparted() {
    let list = unsafe list
    let members = unsafe list.pointee.members
    var address = unsafe list.pointee.departed.exchange(0, ordering: .acquiring)
    // SAFETY: only `leave` pushes records, and only this loop frees the records that it pushed.
    while let record = unsafe UnsafeMutablePointer<Record>(bitPattern: address) {
      unsafe address = record.pointee.nextDeparted
      unsafe members.pointee.remove(record)
      unsafe record.pointee.free?()
      unsafe record.deinitialize(count: 1)
      unsafe record.deallocate()
    }
  }

  // MARK: The child

  /// Whether this process was forked from a process that had used the library. The threads of that process do not run
  /// here, and neither do Dispatch's queues and Swift's executors.
  package static var isForkedChild: Bool { generation > 0 }

  /// Differs between a process and its forked child.
  package static var generation: Int { unsafe list.pointee.generation.load(ordering: .relaxed) }

  /// Calls a closure in every forked child whose parent used the library, until the member leaves the list. The closure
  /// runs while the child's only thread holds all locks, so it may do no more than a few stores. Longer work must wait
  /// until the locks are given back.
  @discardableResult
  package static func onChild(_ body: @escaping () -> Void) -> Member {
    Member(.firstUse, take: {}, giveBack: {}, inChild: body)
  }

  /// Calls closures at a fork: `before` and `inParent` in the parent, when every lock of the list is held, and
  /// `inChild` in the child, after the actions of ``onChild(_:)``. They obey the same rules as the actions of
  /// ``onChild(_:)``. `inParent` is called in the child, too, after `inChild`.
  package static func inFork(
    before: @escaping () -> Void, inParent: @escaping () -> Void, inChild: @escaping () -> Void
  ) -> Member {
    // The child of a process that did not use the library runs no actions, but it needs this one.
    unsafe list.pointee.isUsed.store(true, ordering: .relaxed)
    return Member(.ledgerCopy, take: before, giveBack: inParent, inChild: inChild)
  }

  // MARK: The handlers

  private static func takeAll() {
    #if DEBUG
      LockWitness.willFork()
    #endif
    let list = unsafe list
    unsafe list.pointee.ownThread.lock()
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
    unsafe list.pointee.ownThread.unlock()
  }

  private static func beginInChild() {
    let list = unsafe list
    // If the parent had used nothing of the library, its child needs no special treatment.
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

  // MARK: The library's own thread

  /// Called by the maintenance thread before it works, after each sleep. From then on, `fork` waits until
  /// ``endWork()``.
  ///
  /// Swift's runtime has locks that are not on the list, such as those of the tables of generic types. If a thread used
  /// a generic type for the first time at the moment of a fork, the child would wait for ever at its own first use of
  /// such a type. That a client's threads do this cannot be excluded; that the library's own thread does it can.
  package static func beginWork() { unsafe list.pointee.ownThread.lock() }

  package static func endWork() { unsafe list.pointee.ownThread.unlock() }

  // MARK: First uses

  /// For tests: called in each first use, on its thread.
  // SAFETY: set while the process has one thread.
  nonisolated(unsafe) package static var onFirstUse: (@Sendable () -> Void)?

  /// Runs a closure that makes a static's value. Only one thread at a time does this, and `fork` waits for it, so that
  /// no child inherits a value that is half made. A first use may lead to another one. The closure must run no code of
  /// a client, and the calling thread must hold no lock.
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

  /// Makes a static now, without using its value. If a process forked while one of its threads ran a static's
  /// initialiser, the child would wait for ever when it uses that static. So statics are made before `main`.
  @inline(never)
  @_optimize(none)
  package static func touch<Value: ~Copyable>(_ value: borrowing Value) {}

  /// Makes the statics of this module. Must be called before `main`.
  package static func makeStatics() {
    unsafe touch(list)
    unsafe touch(onFirstUse)
  }
}
