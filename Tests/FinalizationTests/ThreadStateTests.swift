// SPDX-License-Identifier: Apache-2.0

@testable import NativeSynchronization
import Glibc
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import Finalization

/// What threads keep for themselves, and how other threads read it.
@Suite("Memory that threads keep for themselves")
struct ThreadStateTests {
  @Test("The owner of a slot and its visitors never use it at the same time")
  func ownerAndVisitors() {
    // A number that two threads increase without an atomic operation of their own.
    let slots = PerThread(.registryStripe) { 0 }
    defer { slots.deallocate() }
    let owned = 400_000
    let visited = 4_000
    onThreads(3) { thread in
      if thread == 0 {
        for _ in 0..<owned {
          let slot = unsafe slots.lock(1)
          unsafe slot.pointee.value += 1
          unsafe slots.unlock(1, slot)
        }
      } else {
        for _ in 0..<visited {
          slots.lockAll()
          unsafe slots.slot(1).pointee.value += 1
          slots.unlockAll()
        }
      }
    }
    #expect(unsafe slots.slot(1).pointee.value == owned + 2 * visited)
  }

  @Test("If there are more threads than slots, threads share one, and no registration is lost")
  func moreThreadsThanSlots() {
    let registry = FinalizationRegistry<Int>(name: "crowd", delivery: .manual) { _ in }
    let threads = ThreadSlots.count + 16
    let gate = Gate(threads: threads)
    let sharing = Counter()
    onThreads(threads) { _ in
      if ThreadStorage.slot == 0 { sharing.add() }
      // All threads run at the same time, so that no slot is given back before the last thread has asked for one.
      gate.pass()
      let target = Anchored()
      for number in 0..<200 {
        _ = try? registry.register(target, holding: number, unregisterToken: target, byteCount: 3)
        _ = try? registry.register(target, holding: number, byteCount: 3)
        registry.unregister(target)
      }
      // Those that this thread keeps are counted, whatever the other threads do meanwhile.
      #expect((200...threads * 400).contains(registry.census().count))
    }
    #expect(sharing.value >= 17)
    #expect(registry.census() == Census(count: threads * 200, byteCount: threads * 600))
    #expect(throws: Never.self) { try registry.drain() }
    #expect(registry.census() == Census(count: 0, byteCount: 0))
  }

  @Test("The slot of a thread that has ended is used again")
  func slotReuse() async {
    // A process of its own, because neighbouring tests could use all slots. Without reuse, most threads would share 0.
    await #expect(processExitsWith: .exitCode(0)) {
      let slots = Log<Int>()
      for _ in 0..<4 * ThreadSlots.count { onThreads(1) { _ in slots.add(ThreadStorage.slot) } }
      #expect(slots.count == 4 * ThreadSlots.count)
      #expect(!slots.all.contains(0))
    }
  }

  @Test("A destructor that runs after the thread's storage is gone can still register and dispose")
  func lateDestructor() throws {
    let registry = FinalizationRegistry<Int>(name: "late", delivery: .manual) { _ in }
    let domain = LateDomain()
    let id = try ResourceDomains.add(domain)
    onThreads(1) { _ in
      // This happens before the library's own key is made or set on this thread, and twice more inside a destructor.
      LateWork.onThreadExit {
        let target = Anchored()
        _ = try? registry.register(target, holding: 1, unregisterToken: target)
        let resource = try? NativeResource(1, domain: id) { _ in domain.release() }
        if resource != nil { domain.create() }
        resource?.dispose()
        registry.unregister(target)
        return ThreadStorage.slot == 0
      }
      _ = ThreadStorage.slot
    }
    #expect(LateWork.lateRuns > 0)
    #expect(registry.count == 0)
    #expect(domain.census() == Census(count: 0, byteCount: 0))
    #expect(Ledger.shared.totals(of: [id.number], bucketCount: 1)[0][0].count == 0)
    ResourceDomains.remove(domain)
  }

  @Test("Ledger entries that a thread kept are used by other threads after its end")
  func keptLedgerEntries() async {
    // This has a process of its own, so that no other thread takes entries meanwhile.
    await #expect(processExitsWith: .success) {
      @Sendable func use(_ thread: Int) {
        let resources = (0..<32).compactMap { try? NativeResource($0) { _ in } }
        #expect(resources.count == 32)
        for resource in resources { resource.dispose() }
      }
      onThreads(1, use)
      let count = Ledger.shared.entryCount
      for _ in 0..<200 { onThreads(1, use) }
      #expect(Ledger.shared.entryCount == count)
    }
  }
}

/// Runs work in a thread's destructors, in every round of them.
private enum LateWork {
  private static let runs = Atomic(0)
  static var lateRuns: Int { runs.load(ordering: .relaxed) }

  private final class Work {
    let body: () -> Bool
    var rounds = 0
    init(_ body: @escaping () -> Bool) { self.body = body }
  }

  // SAFETY: made once; each thread has its own value.
  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    unsafe pthread_key_create(&key) { pointer in
      guard let pointer = unsafe pointer else { return }
      let work = unsafe Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue()
      if work.body() { LateWork.runs.add(1, ordering: .relaxed) }
      work.rounds += 1
      // Destructors run again as long as one of them sets a value, in at most four rounds.
      if work.rounds < 3 { unsafe pthread_setspecific(LateWork.key, Unmanaged.passRetained(work).toOpaque()) }
    }
    return key
  }()

  static func onThreadExit(_ body: @escaping () -> Bool) {
    unsafe pthread_setspecific(key, Unmanaged.passRetained(Work(body)).toOpaque())
  }
}

private final class LateDomain: ResourceDomain {
  let name = "late"
  private let count = Atomic(0)
  func create() { count.add(1, ordering: .relaxed) }
  func release() { count.subtract(1, ordering: .relaxed) }
  func census() -> Census { Census(count: count.load(ordering: .relaxed), byteCount: 0) }
}
