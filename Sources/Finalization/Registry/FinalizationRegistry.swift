// SPDX-License-Identifier: Apache-2.0

import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

/// Runs a cleanup after an object is gone, with a value that the object's registration set aside for it.
///
///     let textures = FinalizationRegistry<TextureName>(name: "textures") { name in release(name) }
///     try textures.register(handle, holding: name)
///
/// A forgotten handle then no longer leaks the resource that it stands for. Every registration is an entry in the
/// ledger, with the line that made it.
///
/// ```text
/// register ─► pending ── target dies ──► due ── delivery ──► cleanup runs with the held value
///                │
///                └── unregister, cancel() or clean() ──► ended: nothing else runs
/// ```
///
/// **Promised.** A cleanup runs at most once per registration, and never under a lock of this library. It never runs
/// before the target is gone: its deinit has ended, and weak references to it are nil. Releasing a target does not run
/// its cleanup on that thread, unless the registry delivers inline. If a cleanup throws, the others still run. If the
/// registry is dropped, its cleanups still run. A cleanup that blocks delays the cleanups behind it; an audit reports
/// it (`stuck`), with the line that registered it.
///
/// **Not promised.** When a cleanup runs, on which thread of a queue, and in which order; and that it runs at all
/// before the process ends (``Registration/runsAtExit`` asks for that). If one watched object holds another and both
/// die together, the cleanup of the object that was held may run first, because a sweep finds both dead and does not
/// know which one died first. Objects with an anchor report in the order in which they die.
///
/// **How a registry learns of a death.** A target that is ``Finalizable`` reports its own death at once. Any other
/// object is watched: a sweep finds that it died. A timer sweeps about every second, every drain and flush sweeps, and
/// adding watched objects sweeps in small pieces. Until a sweep finds it, a dead object's memory stays allocated, but
/// its contents are gone. If the program keeps an `unowned` reference to a dead object, the sweep cannot find it until
/// that reference is gone, too. If a cleanup releases a watched object, the next sweep finds that death: so a chain of
/// such deaths takes one sweep for each.
///
/// In a forked child nothing is delivered in the background, whatever the delivery: call ``drain()`` or
/// `flush()` there. The same holds for ``Delivery/background`` while the process may not map enough memory for one
/// more thread (`ulimit -v`, `ulimit -d`). There is no timer then, either. Both are tried again later, when registries
/// or weak references are used.
///
/// Any thread may call any method at any time.
public final class FinalizationRegistry<HeldValue: Sendable>: Sendable {
  @usableFromInline let core: RegistryCore
  /// Whether a held value may contain references, so that it can be the target itself.
  @usableFromInline let holdsReferences: Bool

  /// - Parameters:
  ///   - name: the registry's name in reports; cut after 56 bytes of UTF-8.
  ///   - delivery: where cleanups run.
  ///   - errorHandler: gets the errors that cleanups throw, except in `drain` and ``Registration/clean()``, which throw
  ///     these errors themselves. The default ignores them.
  ///   - cleanup: gets the held value of a target that is gone. It must not capture the target, which would
  ///     then never die.
  @inlinable
  public init(
    name: String, delivery: Delivery = .background,
    errorHandler: @escaping @Sendable (any Error) -> Void = { _ in },
    cleanup: @escaping @Sendable (HeldValue) throws -> Void
  ) {
    // The closures are made here, where the type is known, so that the compiler specialises them for it.
    let cleanUp: @Sendable (Cell) throws -> Void = { try cleanup(unsafe $0.held(as: HeldValue.self).move()) }
    let drop: @Sendable (Cell) -> Void = { unsafe $0.held(as: HeldValue.self).deinitialize(count: 1) }
    let isTrivial = _isPOD(HeldValue.self)
    let heldValues = RegistryCore.HeldValues(
      size: MemoryLayout<HeldValue>.size, alignment: MemoryLayout<HeldValue>.alignment, cleanUp: cleanUp,
      drop: isTrivial ? nil : drop)
    core = RegistryCore(name: name, delivery: delivery, heldValues: heldValues, errorHandler: errorHandler)
    holdsReferences = !isTrivial
    // Registrations keep the core alive: all of them share this one reference, which the last one releases.
    _ = unsafe Unmanaged.passRetained(core)
  }

  deinit { core.orphan() }

  /// The number of registrations that have not ended. While its cleanup runs, a registration has not ended.
  public var count: Int { census().count }

  // MARK: Delivering

  /// Delivers, on this thread, every death that is due, whatever the registry's delivery is.
  ///
  /// It first sweeps for dead targets without an anchor, in pieces: another thread waits for at most one piece. A call
  /// inside a cleanup delivers the deaths that are left.
  /// - Throws: the error of a cleanup, after all deaths are delivered; ``CleanupFailures`` if several cleanups threw.
  public func drain() throws { try core.drain() }

  /// The same as ``drain()``, with another cleanup in place of the registry's.
  @inlinable
  public func drain(using cleanup: (HeldValue) throws -> Void) throws {
    try core.drain { try cleanup(unsafe $0.held(as: HeldValue.self).move()) }
  }

  /// Waits until every death that happened before the call is delivered, by the registry's own delivery.
  ///
  /// The call drains the registry instead if the registry delivers manually; if the call is made inside a cleanup or on
  /// the registry's own queue, where it would wait for itself; and in a forked child, where queues and executors do not
  /// run. If there is no room for the thread of ``Delivery/background``, the call delivers on its own thread. Errors go
  /// to the registry's handler. On the thread of the executor that the registry delivers to, or on a queue that its
  /// queue targets, the call would wait for ever: use the asynchronous `flush` there.
  @available(*, noasync, message: "await flush() does not block the thread")
  public func flush() { core.flush() }

  /// Waits until every death that happened before the call is delivered, without blocking a thread of the
  /// concurrency pool, unless there is no room for another thread.
  public func flush() async {
    let core = core
    if ForkGuard.isForkedChild || !ThreadRoom.isAvailable { return core.flush() }
    await withCheckedContinuation { continuation in
      FlushQueue.shared.async {
        core.flush()
        continuation.resume()
      }
    }
  }
}

extension FinalizationRegistry: ResourceDomain, NumberedDomain {
  package var domainID: DomainID { core.pool.books.domain }
  public var name: String { core.pool.books.name }

  /// The registry's own count of registrations, and the sum of their `byteCount`s.
  public func census() -> Census { core.pool.books.census() }
}
