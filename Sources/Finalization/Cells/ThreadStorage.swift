// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
import Glibc
import NativeSynchronization
public import ResourceLedger
public import Synchronization

/// What each thread keeps for itself, so that it seldom needs what threads share: its slot, ledger entries without a
/// resource, and which types are ``Finalizable``.
// SAFETY: only its thread uses it; its pointers lead to memory that is never freed.
@usableFromInline
@safe struct ThreadStorage: ~Copyable {
  /// See ``ThreadSlots``.
  @usableFromInline let slot: Int
  @usableFromInline let openScopeCount: UnsafeMutablePointer<Atomic<Int>>
  @usableFromInline var entries = ThreadEntryCache()
  var types = KnownTypes()
  /// The domain of native resources that are created without a domain; nil until this thread has looked it up.
  @usableFromInline var nativeResources: DomainNumber?

  init(slot: Int) {
    self.slot = slot
    unsafe openScopeCount = ScopeTracking.openCount
  }

  @usableFromInline typealias Pointer = UnsafeMutablePointer<ThreadStorage>

  /// This thread's storage, which is made if the thread has none; nil while the thread ends.
  @inlinable
  @inline(__always)
  static var current: Pointer? {
    if let storage = unsafe cnativeruntime_current_thread().pointee.storage {
      // SAFETY: nothing else is stored there.
      return unsafe storage.assumingMemoryBound(to: ThreadStorage.self)
    }
    return unsafe make()
  }

  /// The thread's slot; while the thread ends, the shared slot 0.
  @inlinable
  @inline(__always)
  static var slot: Int { unsafe current?.pointee.slot ?? 0 }

  /// The same, without making a storage: 0 if the thread has none.
  static var slotIfMade: Int {
    guard let storage = unsafe cnativeruntime_current_thread().pointee.storage else { return 0 }
    // SAFETY: nothing else is stored there.
    return unsafe storage.assumingMemoryBound(to: ThreadStorage.self).pointee.slot
  }

  /// The scope for a resource created now.
  @inlinable
  @inline(__always)
  var scope: CreationScope { unsafe ScopeTracking.scopeForNewResource(openCount: openScopeCount) }

  /// The same for a thread that may be ending.
  @inline(__always)
  static var scope: CreationScope { unsafe current?.pointee.scope ?? ScopeTracking.scopeForNewResource }

  /// ``slot`` and ``scope``, for fewer instructions than one after the other.
  @inline(__always)
  static var slotAndScope: (Int, CreationScope) {
    guard let storage = unsafe current else { return (0, ScopeTracking.scopeForNewResource) }
    return unsafe (storage.pointee.slot, storage.pointee.scope)
  }

  // MARK: A thread's beginning and end

  // SAFETY: made once. The function runs on the ending thread, which alone uses its storage.
  private static let key = unsafe ThreadEnd.makeKey { unsafe ThreadStorage.end($0) }

  static func makeStatics() { ForkGuard.touch(key) }

  @usableFromInline
  @inline(never)
  static func make() -> Pointer? {
    let thread = unsafe cnativeruntime_current_thread()
    if unsafe thread.pointee.has_ended { return nil }
    let storage = Pointer.allocate(capacity: 1)
    unsafe storage.initialize(to: ThreadStorage(slot: ThreadSlots.take()))
    unsafe pthread_setspecific(key, storage)
    unsafe thread.pointee.storage = UnsafeMutableRawPointer(storage)
    return unsafe storage
  }

  private static func end(_ pointer: UnsafeMutableRawPointer?) {
    let thread = unsafe cnativeruntime_current_thread()
    unsafe thread.pointee.has_ended = true
    unsafe thread.pointee.storage = nil
    guard let storage = unsafe pointer?.assumingMemoryBound(to: ThreadStorage.self) else { return }
    unsafe storage.pointee.entries.releaseAll()
    let slot = unsafe storage.pointee.slot
    unsafe storage.deinitialize(count: 1)
    unsafe storage.deallocate()
    ThreadSlots.release(slot)
  }
}
