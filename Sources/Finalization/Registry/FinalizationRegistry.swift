import Dispatch
import NativeSynchronization
import ResourceLedger
import Synchronization

/// Runs a cleanup after an object is gone, with a value that the object's registration set aside for it.
///
///     let textures = FinalizationRegistry<TextureName>(name: "textures") { name in release(name) }
///     try textures.register(handle, holding: name)
///
/// A forgotten handle then no longer leaks what it stood for. Every registration is an entry in the ledger,
/// with the line that made it.
///
/// **Promised.** A cleanup runs at most once per registration; never before the target is gone (its deinit
/// has ended and weak references to it are nil); never on the thread that released the target unless the
/// registry delivers inline; never under a lock of this library. A cleanup that throws keeps no other from
/// running. A registry that is dropped still delivers. One that blocks keeps those behind it waiting: an audit finds
/// it (`stuck`), with its line.
///
/// **Not promised.** When a cleanup runs, on which thread of a queue, in which order; that it runs at all
/// before the process ends (``Registration/runsAtExit`` asks for that).
/// If one object holds another and both die together, and both are watched, the cleanup of the object that was held may
/// run first: a sweep finds both dead and does not know which one died before. Anchored ones report in the order in
/// which they die.
///
/// **How a death is learned of.** A target that is ``Finalizable`` reports its own, at once. Any other object
/// is watched: a sweep finds it, by a timer within about a second, at every drain and flush, and in small pieces
/// whenever more objects are watched. Its memory, not its contents, stays until then. Where the program itself keeps an
/// `unowned` reference to such an object past its death, the sweep waits until that is gone, too. What dies in
/// a cleanup is found by the next sweep: a chain of such deaths takes one for each.
///
/// In a forked child nothing is delivered in the background, whatever the delivery: call ``drain()`` or
/// ``flush()`` there.
///
/// Any thread may call anything at any time.
public final class FinalizationRegistry<HeldValue: Sendable>: Sendable {
  @usableFromInline let core: RegistryCore
  /// Whether a held value can be the target itself.
  @usableFromInline let holdsReferences: Bool

  /// - Parameters:
  ///   - name: what reports call this registry; cut after 56 bytes of UTF-8.
  ///   - delivery: where cleanups run.
  ///   - errorHandler: hears of errors that cleanups throw where nobody waits for them: everywhere but in
  ///     `drain` and ``Registration/clean()``. The default ignores them.
  ///   - cleanup: gets the held value of a target that is gone. It must not capture the target, which would
  ///     then never die.
  @inlinable
  public init(
    name: String, delivery: Delivery = .background,
    errorHandler: @escaping @Sendable (any Error) -> Void = { _ in },
    cleanup: @escaping @Sendable (HeldValue) throws -> Void
  ) {
    // Here, where the type is known: what is made of it is as fast as code for that one type.
    let cleanUp: @Sendable (HeldSlot) throws -> Void = { try cleanup($0.move(as: HeldValue.self)) }
    let drop: @Sendable (HeldSlot) -> Void = { $0.destroy(as: HeldValue.self) }
    let isTrivial = _isPOD(HeldValue.self)
    let heldValues = RegistryCore.HeldValues(
      size: MemoryLayout<HeldValue>.size, alignment: MemoryLayout<HeldValue>.alignment, cleanUp: cleanUp,
      drop: isTrivial ? nil : drop)
    core = RegistryCore(name: name, delivery: delivery, heldValues: heldValues, errorHandler: errorHandler)
    holdsReferences = !isTrivial
    // Registrations keep the core alive: this is their share, given back by the last one.
    _ = unsafe Unmanaged.passRetained(core)
  }

  deinit { core.orphan() }

  /// Registrations that were neither delivered nor given up, those whose cleanup runs just now included.
  public var count: Int { census().count }

  // MARK: Delivering

  /// Delivers, on this thread, every death that is due, whatever the registry's delivery is.
  ///
  /// Targets without an anchor are swept first (in pieces: no other thread waits longer than one takes).
  /// Inside a cleanup it delivers what is left.
  /// - Throws: what a cleanup threw, after all are delivered; ``CleanupFailures`` where several did.
  public func drain() throws { try core.drain() }

  /// As ``drain()``, with another cleanup in place of the registry's.
  @inlinable
  public func drain(using cleanup: (HeldValue) throws -> Void) throws {
    try core.drain { try cleanup($0.move(as: HeldValue.self)) }
  }

  /// Waits until every death that happened before the call is delivered, by the registry's own delivery.
  ///
  /// A registry that delivers manually is drained instead, and so is any where waiting would be waiting for
  /// oneself: inside a cleanup, or on the registry's own queue; and any in a forked child, where queues and
  /// executors stand still. Errors go to the registry's handler. Called on the thread of the executor that the
  /// registry delivers to, or on a queue that its queue targets, it would wait for ever: use the asynchronous
  /// one there.
  @available(*, noasync, message: "await flush() does not block the thread")
  public func flush() { core.flush() }

  /// Waits until every death that happened before the call is delivered, without blocking a thread of the
  /// concurrency pool.
  public func flush() async {
    let core = core
    if ForkGuard.isForkedChild { return core.flush() }
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
