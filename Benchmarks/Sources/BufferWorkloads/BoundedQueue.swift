import CBenchmarkSupport
import Glibc
import Synchronization

/// A ring between one producing and one consuming thread, in memory set aside once. Waiting threads spin,
/// and let others run where that takes long. Each side remembers the other's count and looks again only
/// when it has to, and says how far it is once per ``step`` elements: otherwise the two would pass cache lines to and
/// fro at every element, and that cost would hide the elements' own.
// SAFETY: a slot belongs to the producer until `pushed` says otherwise, to the consumer until `popped` does.
@safe public final class BoundedQueue<Element: ~Copyable>: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Element>
  private let capacity: Int
  private var step: Int { 16 }
  /// Counts of elements, each on cache lines of its own.
  private let pushed: UnsafeMutablePointer<Atomic<Int>>
  private let popped: UnsafeMutablePointer<Atomic<Int>>
  /// What the producer last saw of `popped`, and the consumer of `pushed`, each beside its own count; and, behind it,
  /// how far itself is.
  private let poppedAsSeen: UnsafeMutablePointer<Int>
  private let pushedAsSeen: UnsafeMutablePointer<Int>

  public init(capacity: Int) {
    self.capacity = capacity
    unsafe slots = .allocate(capacity: capacity)
    unsafe pushed = Self.makeCount()
    unsafe popped = Self.makeCount()
    unsafe poppedAsSeen = UnsafeMutableRawPointer(pushed).advanced(by: 64).bindMemory(to: Int.self, capacity: 2)
    unsafe pushedAsSeen = UnsafeMutableRawPointer(popped).advanced(by: 64).bindMemory(to: Int.self, capacity: 2)
    unsafe poppedAsSeen.initialize(repeating: 0, count: 2)
    unsafe pushedAsSeen.initialize(repeating: 0, count: 2)
  }

  deinit {
    for position in unsafe pushedAsSeen[1]..<poppedAsSeen[1] {
      unsafe (slots + position % capacity).deinitialize(count: 1)
    }
    unsafe slots.deallocate()
    unsafe UnsafeMutableRawPointer(pushed).deallocate()
    unsafe UnsafeMutableRawPointer(popped).deallocate()
  }

  private static func makeCount() -> UnsafeMutablePointer<Atomic<Int>> {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 256)
    let count = unsafe memory.bindMemory(to: Atomic<Int>.self, capacity: 1)
    unsafe count.initialize(to: Atomic(0))
    return unsafe count
  }

  /// By the producing thread.
  public func push(_ element: consuming Element) {
    let position = unsafe poppedAsSeen[1]
    if unsafe position - poppedAsSeen.pointee >= capacity {
      flush()
      wait {
        unsafe poppedAsSeen.pointee = popped.pointee.load(ordering: .acquiring)
        return unsafe position - poppedAsSeen.pointee < capacity
      }
    }
    unsafe (slots + position % capacity).initialize(to: element)
    unsafe poppedAsSeen[1] = position + 1
    if (position + 1) % step == 0 { flush() }
  }

  /// By the producing thread, after its last element.
  public func flush() { unsafe pushed.pointee.store(poppedAsSeen[1], ordering: .releasing) }

  /// By the consuming thread.
  public func pop() -> Element {
    let position = unsafe pushedAsSeen[1]
    if unsafe position >= pushedAsSeen.pointee {
      unsafe popped.pointee.store(position, ordering: .releasing)
      wait {
        unsafe pushedAsSeen.pointee = pushed.pointee.load(ordering: .acquiring)
        return unsafe position < pushedAsSeen.pointee
      }
    }
    let element = unsafe (slots + position % capacity).move()
    unsafe pushedAsSeen[1] = position + 1
    if (position + 1) % step == 0 { unsafe popped.pointee.store(position + 1, ordering: .releasing) }
    return element
  }

  @inline(__always)
  private func wait(until condition: () -> Bool) {
    var rounds = 0
    while !condition() {
      rounds += 1
      if rounds % 1_000 == 0 { sched_yield() } else { bench_relax() }
    }
  }
}
