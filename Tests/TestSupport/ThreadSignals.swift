// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Tells other threads that something has happened. It is relaxed: it orders nothing else between the threads, so
/// that ThreadSanitizer sees only the order that the tested code makes.
public final class Flag: Sendable {
  private let value = Atomic(false)

  public init() {}

  public var isSet: Bool { value.load(ordering: .relaxed) }
  public func set() { value.store(true, ordering: .relaxed) }
  /// Waits until the flag is set.
  public func wait() { while !isSet { sched_yield() } }
}

/// Lets threads go on at the same time: each waits here until all have come. It may be used again and again. What a
/// thread did before is visible to the others afterwards.
public final class Gate: Sendable {
  private let threads: Int
  private let arrivals = Atomic(0)

  public init(threads: Int = 2) { self.threads = threads }

  public func pass() {
    let arrival = arrivals.add(1, ordering: .acquiringAndReleasing).newValue
    let last = (arrival + threads - 1) / threads * threads
    while arrivals.load(ordering: .acquiring) < last { sched_yield() }
  }
}

/// A number that several threads change. It is relaxed, as a `Flag` is.
public final class Counter: Sendable {
  private let count: Atomic<Int>

  public init(_ value: Int = 0) { count = Atomic(value) }

  public var value: Int { count.load(ordering: .relaxed) }
  /// - Returns: the value before.
  @discardableResult
  public func add(_ difference: Int = 1) -> Int { count.add(difference, ordering: .relaxed).oldValue }
}
