// SPDX-License-Identifier: Apache-2.0

public import Synchronization

/// A group of locks, each in a cache line of its own, for work of a few instructions. They stay usable across `fork`,
/// which takes the whole group. Use ``RankedLock`` for longer work: its waiting threads sleep.
// SAFETY: the memory stays until `deallocate()`; the words are atomic.
@usableFromInline
@safe package struct SpinLocks: @unchecked Sendable {
  /// One word per lock: 1 while a thread holds the lock, else 0.
  ///
  /// Synchronization: atomic.
  @usableFromInline let words: UnsafeMutableRawPointer
  private let member: ForkGuard.Member
  #if DEBUG
    @usableFromInline let rank: LockRank
    @usableFromInline let order: UInt64
  #endif

  @inlinable package static var stride: Int { 64 }

  package init(_ rank: LockRank, count: Int = 1) {
    let words = UnsafeMutableRawPointer.allocate(byteCount: count * Self.stride, alignment: Self.stride)
    for index in 0..<count { unsafe Self.word(index, of: words).initialize(to: Atomic(0)) }
    unsafe self.words = unsafe words
    member = ForkGuard.Member(
      rank,
      take: { for index in 0..<count { unsafe SpinLock.lock(Self.word(index, of: words)) } },
      giveBack: { for index in 0..<count { unsafe SpinLock.unlock(Self.word(index, of: words)) } })
    #if DEBUG
      self.rank = rank
      order = member.order
    #endif
  }

  /// Frees the locks. No thread may hold or take one of them any more.
  package func deallocate() {
    let words = unsafe words
    member.leave { unsafe words.deallocate() }
  }

  @inlinable
  @inline(__always)
  package static func word(_ index: Int, of words: UnsafeMutableRawPointer) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe (words + index &* stride).assumingMemoryBound(to: Atomic<UInt32>.self)
  }

  @inlinable
  @inline(__always)
  package subscript(index: Int) -> SpinLock {
    #if DEBUG
      unsafe SpinLock(word: Self.word(index, of: words), rank: rank, order: order)
    #else
      unsafe SpinLock(word: Self.word(index, of: words))
    #endif
  }
}

/// One of ``SpinLocks``. Taking it and giving it back costs two atomic operations if no other thread wants it. A thread
/// that waits spins at first, and later lets other threads run (``BackOff``).
// SAFETY: the word stays until the locks are deallocated.
@usableFromInline
@safe package struct SpinLock: @unchecked Sendable {
  @usableFromInline let word: UnsafeMutablePointer<Atomic<UInt32>>
  #if DEBUG
    @usableFromInline let rank: LockRank
    @usableFromInline let order: UInt64
  #endif

  #if DEBUG
    @usableFromInline
    init(word: UnsafeMutablePointer<Atomic<UInt32>>, rank: LockRank, order: UInt64) {
      unsafe self.word = unsafe word
      self.rank = rank
      self.order = order
    }
  #else
    @inlinable
    package init(word: UnsafeMutablePointer<Atomic<UInt32>>) { unsafe self.word = unsafe word }
  #endif

  @inlinable
  @inline(__always)
  package func lock() {
    #if DEBUG
      LockWitness.willTake(rank, order: order)
    #endif
    unsafe Self.lock(word)
    #if DEBUG
      LockWitness.didTake(rank, order: order)
    #endif
  }

  @inlinable
  @inline(__always)
  package func unlock() {
    #if DEBUG
      LockWitness.willGiveBack(rank)
    #endif
    unsafe Self.unlock(word)
  }

  @inlinable
  @inline(__always)
  package static func lock(_ word: UnsafeMutablePointer<Atomic<UInt32>>) {
    if unsafe word.pointee.exchange(1, ordering: .acquiring) != 0 { unsafe wait(for: word) }
  }

  @inlinable
  @inline(__always)
  package static func unlock(_ word: UnsafeMutablePointer<Atomic<UInt32>>) {
    unsafe word.pointee.store(0, ordering: .releasing)
  }

  @usableFromInline
  @inline(never)
  package static func wait(for word: UnsafeMutablePointer<Atomic<UInt32>>) {
    var backOff = BackOff()
    repeat {
      while unsafe word.pointee.load(ordering: .relaxed) != 0 { backOff.spin() }
    } while unsafe word.pointee.exchange(1, ordering: .acquiring) != 0
  }
}
