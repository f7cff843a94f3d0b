#if DEBUG
  import Glibc

  /// Checks the order of locks, at every lock in debug builds: what each thread holds, by rank. The idea is jemalloc's
  /// (`witness.h`).
  @usableFromInline
  package enum LockWitness {
    private struct Held {
      /// How many locks of each rank the thread holds.
      var counts = InlineArray<32, UInt32>(repeating: 0)
      /// The latest of them, by the order in which they were made.
      var latest = InlineArray<32, UInt64>(repeating: 0)
      /// A bit for each rank of which it holds one.
      var ranks: UInt32 = 0
    }

    // SAFETY: made once; each thread uses its own record.
    private static let key: pthread_key_t = {
      var key = pthread_key_t()
      let result = unsafe pthread_key_create(&key) { unsafe free($0) }
      precondition(result == 0, "pthread_key_create failed with \(result)")
      return key
    }()

    private static var held: UnsafeMutablePointer<Held> {
      if let known = unsafe pthread_getspecific(key) {
        // SAFETY: nothing else is stored there.
        return unsafe known.assumingMemoryBound(to: Held.self)
      }
      guard let memory = unsafe malloc(MemoryLayout<Held>.size) else { fatalError("no memory for a thread's locks") }
      let fresh = unsafe memory.bindMemory(to: Held.self, capacity: 1)
      unsafe fresh.initialize(to: Held())
      unsafe pthread_setspecific(key, memory)
      return unsafe fresh
    }

    /// Before a lock is taken. `order` is the lock's number, in the order in which locks were made.
    @usableFromInline
    package static func willTake(_ rank: LockRank, order: UInt64) {
      let held = unsafe held
      let ranks = unsafe held.pointee.ranks
      let last = UInt32.bitWidth - 1 - ranks.leadingZeroBitCount
      guard last >= Int(rank.rawValue) else { return }
      if last == Int(rank.rawValue), rank.isTakenTogether, unsafe order > held.pointee.latest[last] { return }
      fatalError(
        "NativeBuffers: order of locks: a thread that holds a lock `\(name(last))` takes a lock `\(rank)`. See LockRank."
          + hint(last))
    }

    /// After it was taken, or tried with success: a try waits for nobody, so it may be in any order.
    @usableFromInline
    package static func didTake(_ rank: LockRank, order: UInt64) {
      let held = unsafe held
      let index = Int(rank.rawValue)
      unsafe held.pointee.counts[index] += 1
      unsafe held.pointee.latest[index] = max(held.pointee.latest[index], order)
      unsafe held.pointee.ranks |= 1 << UInt32(index)
    }

    /// Before it is given back.
    @usableFromInline
    package static func willGiveBack(_ rank: LockRank) {
      let held = unsafe held
      let index = Int(rank.rawValue)
      guard unsafe held.pointee.counts[index] > 0 else {
        fatalError("NativeBuffers: order of locks: a thread gives back a lock `\(rank)` that it does not hold.")
      }
      unsafe held.pointee.counts[index] -= 1
      guard unsafe held.pointee.counts[index] == 0 else { return }
      unsafe held.pointee.latest[index] = 0
      unsafe held.pointee.ranks &= ~(1 << UInt32(index))
    }

    /// Before the process forks, which waits for every lock.
    static func willFork() {
      let ranks = unsafe held.pointee.ranks
      guard ranks != 0 else { return }
      let last = UInt32.bitWidth - 1 - ranks.leadingZeroBitCount
      fatalError(
        "NativeBuffers: order of locks: a thread that holds a lock `\(name(last))` calls fork."
          + hint(last))
    }

    /// What a client may have done: no other lock is held while code of a client runs.
    private static func hint(_ rank: Int) -> String {
      rank == Int(LockRank.cache.rawValue)
        ? " The `==` of a cache's keys runs under that lock: ResourceCache says what it must not do." : ""
    }

    private static func name(_ rank: Int) -> String { LockRank(rawValue: UInt8(rank)).map { "\($0)" } ?? "\(rank)" }

    /// Makes what is made once, before `main`.
    static func prepare() { willFork() }
  }
#endif
