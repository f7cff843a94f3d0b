// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import LeakAuditing
import NativeBuffers
import ResourceLedger
import Synchronization
import SystemPackage
import TestSupport
import Testing

/// A domain's number has one owner, which gives it back once.
@Suite("Numbers of domains")
struct DomainNumberTests {
  private final class Counted: ResourceDomain {
    let name: String
    let live = Atomic<Int>(0)
    init(_ name: String) { self.name = name }
    func census() -> Census { Census(count: live.load(ordering: .relaxed), byteCount: 0) }
  }

  @Test("A registry keeps its number if the domain that the list shows for it is removed")
  func removeListed() throws {
    let registry = FinalizationRegistry<Int>(name: "listed books", delivery: .manual) { _ in }
    let listing = try #require(ResourceDomains.all.first { $0.domain.name == "listed books" })
    ResourceDomains.remove(listing.domain)
    ResourceDomains.remove(registry)
    let arena = try Arena(name: "after the books")
    defer { try? arena.destroy() }
    #expect(arena.domain.rawValue != listing.id.rawValue)
    #expect(ResourceDomains.all.contains { $0.domain === listing.domain })
    #expect(try ResourceDomains.add(listing.domain) == listing.id)
    let target = Anchored()
    try registry.register(target, holding: 1)
    #expect(try LeakAuditor.audit().findings.filter { $0.domain == "listed books" || $0.arena == arena.name } == [])
  }

  @Test("No arena is replaced by another one while its buffers live")
  func noReplacedArena() async {
    await #expect(processExitsWith: .exitCode(0)) {
      func arena(after name: String) throws -> Arena {
        let registry = FinalizationRegistry<Int>(name: name, delivery: .manual) { _ in }
        for listing in ResourceDomains.all { ResourceDomains.remove(listing.domain) }
        // If the registry's number was free, this arena has it; the end of the registry frees it again.
        let arena = try Arena(name: "first")
        withExtendedLifetime(registry) {}
        return arena
      }
      let buffer = try NativeBuffer(byteCount: 1 << 20, arena: arena(after: "books"))
      let second = try Arena(name: "second")
      let other = try NativeBuffer(byteCount: 1 << 20, arena: second)
      buffer.dispose()
      other.dispose()
      exit(try LeakAuditor.audit().verdict == .faults ? 1 : 0)
    }
  }

  @Test("If two threads remove a domain, its number is given back once")
  func removedTwice() throws {
    for round in 0..<2_000 {
      let domain = Counted("removed twice")
      _ = try ResourceDomains.add(domain)
      let gate = Gate()
      onThreads(2) { _ in
        gate.pass()
        ResourceDomains.remove(domain)
      }
      let next = [Counted("next"), Counted("after next")]
      let ids = try next.map { try ResourceDomains.add($0) }
      for domain in next { ResourceDomains.remove(domain) }
      guard ids[0] != ids[1] else {
        Issue.record("round \(round): two domains have one number")
        return
      }
    }
  }

  @Test("If two threads add a domain, it has one number")
  func addedTwice() throws {
    for round in 0..<500 {
      let domain = Counted("added twice")
      let gate = Gate()
      let ids = Log<DomainID?>()
      onThreads(2) { _ in
        gate.pass()
        ids.add(try? ResourceDomains.add(domain))
      }
      let listed = ResourceDomains.all.filter { $0.domain === domain }.map(\.id)
      ResourceDomains.remove(domain)
      guard ids.all == [listed.first, listed.first], listed.count == 1 else {
        Issue.record("round \(round): \(ids.all), listed as \(listed)")
        return
      }
    }
  }

  @Test("Removing the descriptors' domain has no effect")
  func removeDescriptors() async {
    await #expect(processExitsWith: .exitCode(0)) {
      guard let id = FileDescriptorDomain.sharedID else { exit(1) }
      let descriptor = try OwnedFileDescriptor.open("/dev/null", .readOnly)
      ResourceDomains.remove(FileDescriptorDomain.shared)
      guard ResourceDomains.id(of: FileDescriptorDomain.shared) == id else { exit(2) }
      let arena = try Arena(name: "after the descriptors")
      let another = try OwnedFileDescriptor.open("/dev/null", .readOnly)
      guard try LeakAuditor.audit().findings.filter({ $0.arena != nil }).isEmpty else { exit(3) }
      try arena.destroy()
      another.dispose()
      descriptor.dispose()
    }
  }

  @Test("A domain that was made for something else refuses native resources")
  func foreignKind() throws {
    let arena = try Arena(name: "no resources here")
    let registry = FinalizationRegistry<Int>(name: "nor here", delivery: .manual) { _ in }
    let removed = Counted("removed")
    let old = try ResourceDomains.add(removed)
    ResourceDomains.remove(removed)
    for id in [arena.domain, try #require(ResourceDomains.id(of: registry)), old] {
      #expect(throws: FinalizationError.self) { try NativeResource(1, domain: id) { _ in } }
    }
    #expect(try LeakAuditor.audit().findings.filter { $0.arena == arena.name || $0.domain == registry.name } == [])
    try arena.destroy()
  }

  @Test("The number of a removed domain is not given to another domain while a resource carries it")
  func numberInUse() throws {
    let domain = Counted("removed too early")
    let id = try ResourceDomains.add(domain)
    let resource = try NativeResource(1, domain: id, byteCount: 8) { _ in }
    ResourceDomains.remove(domain)
    var others: [Counted] = []
    for number in 0..<200 {
      let other = Counted("other \(number)")
      #expect(try ResourceDomains.add(other).rawValue != id.rawValue)
      others.append(other)
    }
    let arena = try Arena(name: "other arena")
    #expect(arena.domain.rawValue != id.rawValue)
    try arena.destroy()
    for other in others { ResourceDomains.remove(other) }
    resource.dispose()
  }

  @Test("A domain of a kind whose entries only the library makes cannot be added")
  func libraryKind() {
    for kind in [DomainKind.arena, .adoptedMemory, .finalizationRegistry, DomainKind(rawValue: 0)] {
      #expect(throws: LedgerError(.reservedKind(kind))) { try ResourceDomains.add(Counted("reserved"), kind: kind) }
    }
  }

  @Test("If a resource is created while its domain is removed, it is refused, or no other domain gets the number")
  func createBesideRemoval() throws {
    for round in 0..<60 {
      let domain = Counted("removed meanwhile")
      let id = try ResourceDomains.add(domain)
      let gate = Gate()
      let created = Guarded<NativeResource<Int>?>(nil)
      let numbers = Log<UInt16>()
      onThreads(2) { thread in
        gate.pass()
        if thread == 0 {
          let resource = try? NativeResource(1, domain: id) { _ in }
          created.withLock { $0 = resource }
        } else {
          ResourceDomains.remove(domain)
          // There are so many that the ledger checks which of the numbers that were given back are free.
          for _ in 0..<70 {
            let other = Counted("other")
            if let id = try? ResourceDomains.add(other) { numbers.add(id.rawValue) }
            ResourceDomains.remove(other)
          }
        }
      }
      guard let resource = created.withLock({ $0 }) else { continue }
      #expect(!numbers.all.contains(id.rawValue), "round \(round)")
      resource.dispose()
    }
  }

  /// Domains and resources that two threads make and end, against what each thread knows of its own ones.
  @Test("No two domains have the same number, and no number is given out while a resource carries it")
  func distinctNumbers() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("domain numbers: seed \(seed)")
    let owners = Guarded<[UInt16: Int]>([:])
    let failures = Log<String>()
    onThreads(2) { thread in
      var random = SeededGenerator(seed: seed &+ UInt64(thread))
      var domains: [(domain: Counted, id: DomainID, resources: [NativeResource<Int>])] = []
      var left: [(number: UInt16, resource: NativeResource<Int>)] = []
      /// Records that a number is in use by one more domain, or by one less.
      func note(_ number: UInt16, _ change: Int) {
        owners.withLock { $0[number, default: 0] += change }
      }
      for step in 0..<4_000 {
        let index = domains.isEmpty ? nil : Int.random(in: domains.indices, using: &random)
        switch (Int.random(in: 0..<8, using: &random), index) {
        case (0...2, _) where domains.count < 40:
          let domain = Counted("model")
          guard let id = try? ResourceDomains.add(domain) else { continue }
          let isFree = owners.withLock { owners in
            defer { owners[id.rawValue, default: 0] += 1 }
            return owners[id.rawValue, default: 0] == 0
          }
          if !isFree { failures.add("step \(step): number \(id.rawValue) is in use") }
          if (try? ResourceDomains.add(domain)) != id { failures.add("step \(step): another number") }
          domains.append((domain, id, []))
        case (3...5, let index?):
          guard let resource = try? NativeResource(step, domain: domains[index].id, release: { _ in }) else {
            failures.add("step \(step): refused")
            continue
          }
          note(domains[index].id.rawValue, 1)
          domains[index].resources.append(resource)
        case (6, let index?):
          let (domain, id, resources) = domains.remove(at: index)
          // This is done before the removal, because another domain may have the number right after it.
          note(id.rawValue, -1)
          if !ResourceDomains.remove(domain) { failures.add("step \(step): not removed") }
          if ResourceDomains.remove(domain) { failures.add("step \(step): removed twice") }
          if (try? NativeResource(step, domain: id, release: { _ in })) != nil { failures.add("step \(step): taken") }
          left += resources.map { (id.rawValue, $0) }
        default:
          while let (number, resource) = left.popLast() {
            note(number, -1)
            resource.dispose()
          }
        }
      }
      for (domain, id, resources) in domains {
        note(id.rawValue, -1)
        ResourceDomains.remove(domain)
        left += resources.map { (id.rawValue, $0) }
      }
      for (number, resource) in left {
        note(number, -1)
        resource.dispose()
      }
    }
    #expect(failures.all.isEmpty, "seed \(seed): \(failures.all.prefix(5))")
  }

  @Test("If there are more registries than numbers, native resources still work, and later registries get own numbers")
  func manyRegistries() async {
    await #expect(processExitsWith: .exitCode(0)) {
      var registries: [FinalizationRegistry<Int>] = []
      // These are more than the ledger has records for, so the last ones share one record.
      for number in 0..<9_000 { registries.append(FinalizationRegistry(name: "\(number)", delivery: .manual) { _ in }) }
      let resource = try NativeResource(1) { _ in }
      guard registries.allSatisfy({ $0.count == 0 }) else { exit(1) }
      resource.dispose()
      registries = []
      let target = Anchored()
      let after = FinalizationRegistry<Int>(name: "after", delivery: .manual) { _ in }
      _ = try after.register(target, holding: 1)
      guard ResourceDomains.all.contains(where: { $0.domain.name == "after" && !$0.sharesID }) else { exit(2) }
    }
  }
}
