// SPDX-License-Identifier: Apache-2.0

#if DEBUG
  import CNativeRuntime

  /// Checks in debug builds, at every lock, that the thread keeps to the order of ``LockRank``. Otherwise it ends the
  /// process with a message that names both locks. The idea is jemalloc's (`witness.h`).
  @usableFromInline
  package enum LockWitness {
    private typealias Held = UnsafeMutablePointer<cnativeruntime_held_locks>

    /// The calling thread's record of the locks that it holds.
    ///
    /// Synchronization: thread-local; no other thread reads it.
    private static var held: Held { unsafe cnativeruntime_current_thread().pointer(to: \.held_locks)! }

    /// How many locks of each rank the thread holds.
    // SAFETY: C's arrays of 32 elements come to Swift as tuples, which lie in memory like arrays.
    private static func counts(_ held: Held) -> UnsafeMutablePointer<UInt32> {
      unsafe UnsafeMutableRawPointer(held.pointer(to: \.counts)!).assumingMemoryBound(to: UInt32.self)
    }

    /// For each rank, the highest number of a lock that the thread holds.
    private static func latest(_ held: Held) -> UnsafeMutablePointer<UInt64> {
      unsafe UnsafeMutableRawPointer(held.pointer(to: \.latest)!).assumingMemoryBound(to: UInt64.self)
    }

    /// Called before a lock is taken. `order` is the lock's number, in the order in which locks were made.
    @usableFromInline
    package static func willTake(_ rank: LockRank, order: UInt64) {
      let held = unsafe held
      let ranks = unsafe held.pointee.ranks
      let last = UInt32.bitWidth - 1 - ranks.leadingZeroBitCount
      guard last >= Int(rank.rawValue) else { return }
      if last == Int(rank.rawValue), rank.isTakenTogether, unsafe order > latest(held)[last] { return }
      fatalError(
        "NativeBuffers: order of locks: a thread that holds a lock `\(name(last))` takes a lock `\(rank)`. See "
          + "LockRank." + hint(last))
    }

    /// Called after a lock was taken, or tried with success. A try never waits, so it may break the order.
    @usableFromInline
    package static func didTake(_ rank: LockRank, order: UInt64) {
      let held = unsafe held
      let index = Int(rank.rawValue)
      unsafe counts(held)[index] += 1
      unsafe latest(held)[index] = max(latest(held)[index], order)
      unsafe held.pointee.ranks |= 1 << UInt32(index)
    }

    /// Called before a lock is given back.
    @usableFromInline
    package static func willGiveBack(_ rank: LockRank) {
      let held = unsafe held
      let index = Int(rank.rawValue)
      guard unsafe counts(held)[index] > 0 else {
        fatalError("NativeBuffers: order of locks: a thread gives back a lock `\(rank)` that it does not hold.")
      }
      unsafe counts(held)[index] -= 1
      guard unsafe counts(held)[index] == 0 else { return }
      unsafe latest(held)[index] = 0
      unsafe held.pointee.ranks &= ~(1 << UInt32(index))
    }

    /// Called before the process forks. The forking thread takes every lock, so it must hold none.
    static func willFork() {
      let ranks = unsafe held.pointee.ranks
      guard ranks != 0 else { return }
      let last = UInt32.bitWidth - 1 - ranks.leadingZeroBitCount
      fatalError(
        "NativeBuffers: order of locks: a thread that holds a lock `\(name(last))` calls fork."
          + hint(last))
    }

    /// Tells what a client may have done wrong. Code of a client runs under the lock of a cache, and under no other.
    private static func hint(_ rank: Int) -> String {
      rank == Int(LockRank.cache.rawValue)
        ? " The `==` of a cache's keys runs under that lock: ResourceCache says what it must not do." : ""
    }

    private static func name(_ rank: Int) -> String { LockRank(rawValue: UInt8(rank)).map { "\($0)" } ?? "\(rank)" }
  }
#endif
