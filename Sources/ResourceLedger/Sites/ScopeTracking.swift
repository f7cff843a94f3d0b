// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
public import Synchronization

/// Knows which scope a thread or task tree is in, so that a resource can carry the scope in which it was created.
///
/// While no scope is open in the process, this costs one relaxed load for each new resource.
@usableFromInline
package enum ScopeTracking {
  /// What resources of this task, or of this thread outside tasks, get as their scope. Child tasks inherit it.
  @TaskLocal private static var current: CreationScope = .none

  /// What was rescued inside a scope.
  package struct Rescues: Sendable {
    /// Bytes are exact.
    package var bySite: [SiteID: (count: Int, byteCount: Int128)] = [:]

    mutating func add(_ count: Int, byteCount: Int128, at site: SiteID) {
      bySite[site, default: (0, 0)].count += count
      bySite[site, default: (0, 0)].byteCount += byteCount
    }
  }

  private struct State {
    var lastScope: UInt32 = 0
    /// The scope around each scope. Contains the scopes that are open, and those that closed inside an open one.
    var parents: [UInt32: UInt32] = [:]
    var rescues: [UInt32: Rescues] = [:]
    var open: Set<UInt32> = []
  }

  private static let lock = RankedLock(.scopes)
  // SAFETY: guarded by `lock`.
  nonisolated(unsafe) private static var state = State()

  static func makeStatics() {
    ForkGuard.touch($current)
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(state)
    unsafe ForkGuard.touch(openCount)
  }

  /// The scope for a resource that is created now. Costs one relaxed load while no scope is open.
  package static var scopeForNewResource: CreationScope {
    unsafe openCount.pointee.load(ordering: .relaxed) == 0 ? .none : current
  }

  /// The same for a caller that already has the address ``openCount``.
  @inlinable
  package static func scopeForNewResource(openCount: UnsafeMutablePointer<Atomic<Int>>) -> CreationScope {
    unsafe openCount.pointee.load(ordering: .relaxed) == 0 ? .none : currentScope
  }

  @usableFromInline
  package static var currentScope: CreationScope { current }

  /// The number of scopes that are open in the process, those of ``ProcessLifetime`` among them, at an address that
  /// never changes.
  // SAFETY: allocated once, never freed, atomic.
  @usableFromInline nonisolated(unsafe) package static let openCount: UnsafeMutablePointer<Atomic<Int>> = {
    let count = UnsafeMutablePointer<Atomic<Int>>.allocate(capacity: 1)
    unsafe count.initialize(to: Atomic(0))
    return unsafe count
  }()

  package static func open() -> UInt32 {
    let parent = current.number
    let scope = lock.withLock {
      // The number after the last one that an entry has room for is 1 again.
      repeat {
        unsafe state.lastScope = state.lastScope % CreationScope.lastNumber + 1
      } while unsafe state.parents[state.lastScope] != nil
      unsafe state.parents[state.lastScope] = parent
      unsafe state.open.insert(state.lastScope)
      return unsafe state.lastScope
    }
    unsafe openCount.pointee.add(1, ordering: .relaxed)
    return scope
  }

  /// The place inside a scope that was opened here.
  package static func place(inside scope: UInt32) -> CreationScope { current.inside(scope) }

  /// Runs a closure whose resources are created in a place, whatever scopes are around the caller.
  package static func with<R>(_ place: CreationScope, _ body: () throws -> R) rethrows -> R {
    try $current.withValue(place, operation: body)
  }

  package static func with<R>(
    _ place: CreationScope, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
  ) async rethrows -> R {
    try await $current.withValue(place, operation: body)
  }

  /// Runs a closure whose resources are meant to live as long as the process.
  static func withProcessLifetime<R>(_ body: () throws -> R) rethrows -> R {
    unsafe openCount.pointee.add(1, ordering: .relaxed)
    defer { unsafe openCount.pointee.subtract(1, ordering: .relaxed) }
    return try $current.withValue(current.ofProcessLifetime, operation: body)
  }

  static func withProcessLifetime<R>(
    isolation: isolated (any Actor)?, _ body: () async throws -> R
  ) async rethrows -> R {
    unsafe openCount.pointee.add(1, ordering: .relaxed)
    defer { unsafe openCount.pointee.subtract(1, ordering: .relaxed) }
    return try await $current.withValue(current.ofProcessLifetime, operation: body)
  }

  /// Closes a scope.
  /// - Returns: the scopes whose resources belong to it (itself, and those that closed or are open inside it), and what
  ///   was rescued of them so far.
  package static func close(_ scope: UInt32) -> (scopes: Set<UInt32>, rescues: Rescues) {
    unsafe openCount.pointee.subtract(1, ordering: .relaxed)
    return lock.withLock {
      let inside = unsafe Set(state.parents.keys.filter { isInside($0, scope) })
      let rescues = unsafe state.rescues[scope] ?? Rescues()
      unsafe state.open.remove(scope)
      unsafe state.rescues[scope] = nil
      if let around = openScope(around: scope) {
        for (site, sum) in rescues.bySite {
          unsafe state.rescues[around, default: Rescues()].add(sum.count, byteCount: sum.byteCount, at: site)
        }
      } else {
        // No open scope is around these, so their parents will not be needed any more.
        for closed in inside where unsafe !state.open.contains(closed) { unsafe state.parents[closed] = nil }
      }
      return (inside, rescues)
    }
  }

  /// The scope itself if it is open, otherwise the innermost open scope around it. The caller holds `lock`.
  private static func openScope(around scope: UInt32) -> UInt32? {
    var scope = scope
    while scope != 0 {
      if unsafe state.open.contains(scope) { return scope }
      scope = unsafe state.parents[scope] ?? 0
    }
    return nil
  }

  /// Whether `scope` is `ancestor`, or is inside it. The caller holds `lock`.
  private static func isInside(_ scope: UInt32, _ ancestor: UInt32) -> Bool {
    var scope = scope
    while scope != 0 {
      if scope == ancestor { return true }
      scope = unsafe state.parents[scope] ?? 0
    }
    return false
  }

  /// Records a rescue of a resource created in `scope`.
  package static func recordRescue(in scope: CreationScope, at site: SiteID, byteCount: Int) {
    let scope = scope.number
    guard scope != 0 else { return }
    lock.withLock {
      // A resource may outlive its scope: the rescue counts for the innermost scope around it that is still open.
      guard let open = openScope(around: scope) else { return }
      unsafe state.rescues[open, default: Rescues()].add(1, byteCount: Int128(byteCount), at: site)
    }
  }
}
