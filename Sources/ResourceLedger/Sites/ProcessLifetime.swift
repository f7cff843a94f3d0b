// SPDX-License-Identifier: Apache-2.0

/// Marks resources that are meant to live as long as the process, so that no report calls them a leak.
///
///     let table = try ProcessLifetime.scope { try NativeBuffer(byteCount: 1 << 20) }
///
/// The mark is for what is created inside of the scope: buffers, native resources, file descriptors and registrations.
/// They are in the books like all others, and may be disposed at any time. But they are not `held`, neither at the end
/// of the process nor in a scope of `LeakAuditor`, and not `old`. If one of them is released by its deinit, that is a
/// rescue as always. Memory that a marked resource gets later is not marked, for example by a change of a bitmap that
/// is shared.
public enum ProcessLifetime {
  /// Runs a closure, and marks the resources that it creates on this thread or in its child tasks.
  ///
  /// Scopes nest, also with those of `LeakAuditor`, in any order. What a detached task or another thread creates is not
  /// marked. Nothing is promised for a task that was begun by `Task { }` and goes on after the scope.
  /// - Returns: the closure's value.
  /// - Throws: what the closure throws.
  /// - Complexity: O(1). While any scope is open in the process, creating a buffer costs about 20 ns more.
  public static func scope<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
    // A task local's closure cannot return a value that has one owner, and loses the type of the error.
    var outcome: Result<R, E>?
    ScopeTracking.withProcessLifetime {
      do throws(E) { outcome = .success(try body()) } catch { outcome = .failure(error) }
    }
    guard let outcome = outcome.take() else { preconditionFailure("the closure of a scope was not called") }
    return try outcome.get()
  }

  /// The same for an asynchronous closure.
  public static func scope<R>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
  ) async rethrows -> R {
    try await ScopeTracking.withProcessLifetime(isolation: isolation, body)
  }
}
