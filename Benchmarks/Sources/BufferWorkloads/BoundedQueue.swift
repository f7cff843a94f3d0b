// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport
import Glibc
import Synchronization

/// A ring between one producing and one consuming thread, in memory that is allocated once. A thread that waits spins,
/// and lets other threads run if the wait is long.
///
/// Each side remembers the other side's count, and reads it again only when it must. It publishes its own count once
/// per ``step`` elements. Otherwise, cache lines would move between the two processors at every element, which would
/// cost more than the elements themselves.
// SAFETY: the producer owns a slot until `pushed` includes it; the consumer owns it until `popped` includes it.
@safe public final class BoundedQueue<Element: ~Copyable>: @unchecked Sendable {
  private let slots: UnsafeMutablePointer<Element>
  private let capacity: Int
  private var step: Int { 16 }
  /// Counts of elements, in cache lines of their own. Only the producer writes `pushed`, only the consumer writes
  /// `popped`.
  private let pushed: UnsafeMutablePointer<Atomic<Int>>
  private let popped: UnsafeMutablePointer<Atomic<Int>>
  /// Two numbers each: the other side's count when this side last read it, and this side's own position. Only the
  /// producer uses `poppedAsSeen`, and only the consumer uses `pushedAsSeen`. Each is in the cache line of the count
  /// that the same side writes.
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

  /// Only the producing thread calls this.
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

  /// The producing thread calls this after its last element.
  public func flush() { unsafe pushed.pointee.store(poppedAsSeen[1], ordering: .releasing) }

  /// Only the consuming thread calls this.
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
