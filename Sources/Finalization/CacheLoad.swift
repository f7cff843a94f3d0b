import Dispatch
import Synchronization

/// A load under way, and those who wait for it.
final class CacheLoad<Value: Sendable>: Sendable {
  private enum State {
    case running([@Sendable (Result<Value, any Error>) -> Void])
    case done(Result<Value, any Error>)
  }

  private let state = Mutex(State.running([]))
  /// The thread whose call runs the load; 0 where a task does.
  let thread: Int

  init(thread: Int) { self.thread = thread }

  /// Calls `body` with the outcome: later, on the thread that ends the load, or at once.
  private func whenDone(_ body: @escaping @Sendable (Result<Value, any Error>) -> Void) {
    let outcome = state.withLock { state -> Result<Value, any Error>? in
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
    let waiters = state.withLock { state -> [@Sendable (Result<Value, any Error>) -> Void] in
      guard case .running(let waiters) = state else { return [] }
      state = .done(outcome)
      return waiters
    }
    for waiter in waiters { waiter(outcome) }
  }

  /// Blocks the thread until the load is over.
  func wait() throws -> Value {
    let semaphore = DispatchSemaphore(value: 0)
    let outcome = Outcome<Value>()
    whenDone { result in
      outcome.value.withLock { $0 = result }
      semaphore.signal()
    }
    semaphore.wait()
    guard let result = outcome.value.withLock({ $0 }) else { throw CancellationError() }
    return try result.get()
  }

  func wait() async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      whenDone { continuation.resume(with: $0) }
    }
  }
}

private final class Outcome<Value: Sendable>: Sendable {
  let value = Mutex<Result<Value, any Error>?>(nil)
}
