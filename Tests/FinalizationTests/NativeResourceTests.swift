// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import ResourceLedger
import TestSupport
import Testing

@Suite("Native resources")
struct NativeResourceTests {
  @Test("Dispose releases once, although it is called many times and from many threads")
  func dispose() throws {
    let log = Log<Int>()
    let wins = Log<Bool>()
    let resource = try NativeResource(7) { log.add($0) }
    onThreads(4) { _ in if resource.dispose() { wins.add(true) } }
    #expect(!resource.dispose())
    #expect(log.all == [7])
    #expect(wins.count == 1)
    #expect(resource.isDisposed)
  }

  @Test("Use after dispose throws and names the line that created the resource")
  func useAfterDispose() throws {
    let resource = try NativeResource(1) { _ in }
    resource.dispose()
    let error = #expect(throws: FinalizationError.self) { try resource.withHandle { $0 } }
    #expect(error?.code == .disposed)
    #expect(error?.site == resource.site)
    #expect("\(resource.site)".contains("NativeResourceTests.swift"))
  }

  @Test("If a resource is disposed while in use, it is released at the end of the last use")
  func disposeWhileUsed() throws {
    let log = Log<Int>()
    let resource = try NativeResource(3) { log.add($0) }
    try resource.withHandle { outer in
      try resource.withHandle { _ in #expect(resource.dispose()) }
      #expect(outer == 3)
      #expect(log.all == [])
    }
    #expect(log.all == [3])
  }

  @Test("A forgotten resource is rescued by deinit and recorded with its site")
  func rescue() throws {
    let log = Log<Int>()
    var line: UInt = 0
    do {
      line = #line + 1
      let resource = try NativeResource(4, byteCount: 100) { log.add($0) }
      withExtendedLifetime(resource) {}
    }
    #expect(log.all == [4])
    let site = Ledger.shared.intern(file: #fileID, line: line, function: #function)
    #expect(Ledger.shared.rescues(at: site).count >= 1)
  }

  @Test("A disposed resource is not a rescue")
  func noRescue() throws {
    let line: UInt = #line + 1
    try NativeResource(4) { _ in }.dispose()
    let site = Ledger.shared.intern(file: #fileID, line: line, function: #function)
    #expect(Ledger.shared.rescues(at: site).count == 0)
  }

  @Test("After detach, the caller owns the handle, and the closure never runs")
  func detach() throws {
    let log = Log<Int>()
    do {
      let resource = try NativeResource(5) { log.add($0) }
      let error = #expect(throws: FinalizationError.self) {
        try resource.withHandle { _ in try resource.detach() }
      }
      #expect(error?.code == .inUse)
      #expect(try resource.detach() == 5)
      #expect(throws: FinalizationError.self) { try resource.detach() }
      #expect(!resource.dispose())
    }
    #expect(log.all == [])
  }

  @Test("A resource of a client's own domain is in the books of that domain")
  func ownDomain() throws {
    final class Counting: ResourceDomain {
      let name = "counting"
      let live = Log<Int>()
      let released = Log<Int>()
      func census() -> Census { Census(count: live.count - released.count, byteCount: 0) }
    }
    let domain = Counting()
    let id = try ResourceDomains.add(domain)
    defer { ResourceDomains.remove(domain) }
    #expect(try ResourceDomains.add(domain) == id)
    #expect(ResourceDomains.all.contains { $0.domain === domain && $0.id == id })
    func entries() -> EntryTotals { Ledger.shared.totals(of: [id.number], bucketCount: 1)[0][0] }
    domain.live.add(1)
    let resource = try NativeResource(1, domain: id, byteCount: 64) { domain.released.add($0) }
    #expect(entries().liveCount == 1)
    #expect(entries().liveByteCount == 64)
    #expect(domain.census().count == 1)
    resource.dispose()
    #expect(entries().count == 0)
    #expect(domain.census().count == 0)
  }
}
