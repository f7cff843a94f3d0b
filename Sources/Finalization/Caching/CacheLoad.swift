// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NativeSynchronization
import ResourceLedger

/// The lock that guards the states of all loads. It is held for a few instructions.
enum CacheLoads {
  static let lock = RankedLock(.cacheLoad)
  static func makeStatics() { ForkGuard.touch(lock) }
}

/// A load under way, and the callers that wait for it.
// SAFETY: `state` changes under `CacheLoads.lock`.
@usableFromInline
final class CacheLoad<Value: Sendable>: @unchecked Sendable {
  private enum State {
    case running([@Sendable (Result<Value, any Error>) -> Void])
    case done(Result<Value, any Error>)
  }

  private var state = State.running([])
  private let generation = ForkGuard.generation
  /// Whether the load began before this process was forked. The threads that load and wait do not exist in this
  /// process, except a thread that called `fork` itself.
  var isParents: Bool { generation != ForkGuard.generation }

  /// Calls `body` with the outcome: at once if the load is over, otherwise later, on the thread that ends it.
  private func whenDone(_ body: @escaping @Sendable (Result<Value, any Error>) -> Void) {
    let outcome = CacheLoads.lock.withLock { () -> Result<Value, any Error>? in
      switch state {
      case .done(let outcome): return outcome
      case .running(let waiters):
        state = .running(waiters + [body])
        return nil
      }
    }
    if let outcome { body(outcome) }
  }

  func finish(_ outcome: Result<Value, any Error>) {
    let waiters = CacheLoads.lock.withLock { () -> [@Sendable (Result<Value, any Error>) -> Void] in
      guard case .running(let waiters) = state else { return [] }
      state = .done(outcome)
      return waiters
    }
    if isParents { return }
    for waiter in waiters { waiter(outcome) }
  }

  /// Blocks the thread until the load is over.
  @usableFromInline
  func wait() throws -> Value {
    let semaphore = DispatchSemaphore(value: 0)
    let outcome = Outcome<Value>()
    whenDone { result in
      outcome.value = result
      semaphore.signal()
    }
    semaphore.wait()
    guard let result = outcome.value else { throw CancellationError() }
    return try result.get()
  }

  @usableFromInline
  func wait() async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      whenDone { continuation.resume(with: $0) }
    }
  }
}

// SAFETY: written before the semaphore's signal, read after its wait.
private final class Outcome<Value: Sendable>: @unchecked Sendable {
  var value: Result<Value, any Error>?
}
