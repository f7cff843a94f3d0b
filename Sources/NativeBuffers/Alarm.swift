import CThreadState
import Synchronization

/// Lets one thread sleep until another calls it, or until a moment comes.
///
/// Calling takes no lock, and a system call only where the thread is asleep; calls before it looks are one.
// SAFETY: never freed, and atomic.
@safe struct Alarm: @unchecked Sendable {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  private static let quiet: UInt32 = 0
  private static let rung: UInt32 = 1
  private static let asleep: UInt32 = 2

  init() {
    unsafe word = .allocate(capacity: 1)
    unsafe word.initialize(to: Atomic(Self.quiet))
  }

  // SAFETY: an atomic of 32 bits is those 32 bits.
  private var futex: UnsafeMutablePointer<UInt32> {
    unsafe UnsafeMutableRawPointer(word).assumingMemoryBound(to: UInt32.self)
  }

  func ring() {
    if unsafe word.pointee.load(ordering: .sequentiallyConsistent) == Self.rung { return }
    let before = unsafe word.pointee.exchange(Self.rung, ordering: .sequentiallyConsistent)
    if before == Self.asleep { unsafe cthreadstate_wake(futex) }
  }

  /// Forgets calls: to be followed by a look at everything that a caller may have left.
  func reset() { unsafe word.pointee.store(Self.quiet, ordering: .sequentiallyConsistent) }

  /// - Parameter deadline: nanoseconds of the monotonic clock; nil for none.
  /// - Returns: whether somebody called.
  func wait(until deadline: UInt64?) -> Bool {
    while true {
      let (exchanged, before) = unsafe word.pointee.compareExchange(
        expected: Self.quiet, desired: Self.asleep, ordering: .sequentiallyConsistent)
      if !exchanged, before == Self.rung { return true }
      unsafe cthreadstate_sleep(futex, Self.asleep, deadline ?? .max)
      if unsafe word.pointee.load(ordering: .acquiring) == Self.rung { return true }
      if let deadline, Monotonic.now >= deadline {
        // Awake now; a call that comes in between is not lost.
        let (isQuiet, _) = unsafe word.pointee.compareExchange(
          expected: Self.asleep, desired: Self.quiet, ordering: .sequentiallyConsistent)
        return !isQuiet
      }
    }
  }
}
