// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import NativeBuffers
import ResourceLedger
import SystemPackage
import TestSupport
import Testing

@testable import LeakAuditing
@testable import LedgerReading

@Suite("Audit: registries, native resources and file descriptors")
struct FinalizationDomainTests {
  private final class Target: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
  }

  private static let site = "LeakAuditingTests/FinalizationDomainTests.swift"

  // MARK: Registries

  @Test("Both books of a registry agree: they have the live registrations, and none that was delivered")
  func registry() throws {
    let registry = FinalizationRegistry<Int>(name: "audited registry", delivery: .manual) { _ in }
    var targets = (0..<100).map { _ in Target() }
    for target in targets { try registry.register(target, holding: 1, byteCount: 10) }
    var report = try LeakAuditor.audit()
    #expect(report.findings("audited registry") == [])
    var books = try #require(report.books("audited registry"))
    #expect(books.kind == "finalization registry")
    #expect(books.census == BookTotals(count: 100, byteCount: 1_000) && books.ledger == books.census)
    targets.removeLast(40)
    try registry.drain()
    report = try LeakAuditor.audit()
    books = try #require(report.books("audited registry"))
    #expect(books.census == BookTotals(count: 60, byteCount: 600) && books.ledger == books.census)
    #expect(report.findings("audited registry") == [])
    withExtendedLifetime(targets) {}
  }

  @Test("If two threads use a registry all the time, no audit has a finding about it")
  func registryUnderLoad() throws {
    let auditCount = TestLength.choose(10, long: 100)
    let registry = FinalizationRegistry<Int>(name: "registry under load") { _ in }
    let running = Counter(2)
    let busy = Counter()
    let gate = Gate(threads: 3)
    onThreads(3) { thread in
      if thread == 2 {
        gate.pass()
        var audits = 0
        while audits < auditCount {
          guard let report = try? LeakAuditor.audit() else { continue }
          audits += 1
          #expect(report.findings("registry under load") == [])
          let books = report.books("registry under load")
          #expect(books?.census == books?.ledger)
          if let books, books.ledger.count > 0 { busy.add(1) }
        }
        running.add(-2)
        return
      }
      var kept: [Target?] = Array(repeating: nil, count: 64)
      var step = thread
      while running.value > 0 {
        step += 7
        let target = Target()
        _ = try? registry.register(target, holding: step, unregisterToken: target, byteCount: step & 1_023)
        if step & 3 == 0 { registry.unregister(target) }
        kept[step & 63] = target
        // From here on, some of the thread's targets live and are registered at any time.
        if step / 7 == 64 { gate.pass() }
      }
    }
    #expect(busy.value == auditCount)
    registry.flush()
    #expect(try LeakAuditor.audit().findings("registry under load") == [])
  }

  // MARK: Scopes

  @Test("A descriptor that leaks in a scope is reported as held, with its domain's name and the line that opened it")
  func descriptorInScope() throws {
    var leaked: OwnedFileDescriptor?
    var line = 0
    let (_, report) = try LeakAuditor.scope("descriptors") {
      try OwnedFileDescriptor.open("/dev/null", .readOnly).dispose()
      leaked = try OwnedFileDescriptor.open("/dev/null", .readOnly); line = #line
    }
    #expect(report.verdict == .faults)
    let finding = try #require(report.findings.first)
    #expect(report.findings.count == 1 && finding.kind == .held && finding.count == 1)
    #expect(finding.domain == "file descriptors" && finding.domainKind == "file descriptors")
    #expect(finding.sites.map(\.line) == [line] && finding.sites.map(\.file) == [Self.site])
    leaked?.dispose()
  }

  @Test("If a scope leaves buffers, native resources and registrations, each has its own finding, with its line")
  func mixedScope() throws {
    let registry = FinalizationRegistry<Int>(name: "scoped registry", delivery: .manual) { _ in }
    var lines: [Int] = []
    let (left, report) = try LeakAuditor.scope("mixed") {
      let buffer = try NativeBuffer(byteCount: 1_000); lines.append(#line)
      let resource = try NativeResource(1, byteCount: 70) { _ in }; lines.append(#line)
      let target = Target()
      try registry.register(target, holding: 1, byteCount: 5); lines.append(#line)
      return (buffer, resource, target)
    }
    #expect(report.findings.allSatisfy { $0.kind == .held && $0.count == 1 })
    let found = Dictionary(uniqueKeysWithValues: report.findings.map { ($0.domain ?? "buffers", $0) })
    #expect(Set(found.keys) == ["buffers", "native resources", "scoped registry"])
    #expect(found["buffers"]?.sites.map(\.line) == [lines[0]] && found["buffers"]?.sizeClass == 1_024)
    #expect(found["native resources"]?.sites.map(\.line) == [lines[1]])
    #expect(found["native resources"]?.byteCount == 70)
    #expect(found["scoped registry"]?.sites.map(\.line) == [lines[2]])
    #expect(found["scoped registry"]?.byteCount == 5)
    left.0.dispose()
    left.1.dispose()
  }

  @Test("A registration whose target died in the scope is not held after its registry has delivered")
  func deliveredInScope() throws {
    let registry = FinalizationRegistry<Int>(name: "delivered in scope", delivery: .manual) { _ in }
    let (_, report) = try LeakAuditor.scope("delivered") {
      do { try registry.register(Target(), holding: 1) }
      try registry.drain()
    }
    #expect(report.verdict == .clean)
  }

  @Test("A forgotten native resource is rescued in its scope, which is only a note")
  func rescuedInScope() throws {
    let (_, report) = try LeakAuditor.scope("rescued") { _ = try NativeResource(1, byteCount: 9) { _ in } }
    #expect(report.verdict == .notes && report.findings.map(\.kind) == [.rescued])
  }

  // MARK: File descriptors

  @Test("A descriptor that was opened without the ledger is an orphan of its domain until it is closed")
  func descriptors() async {
    // This has a process of its own, because other tests open files, too.
    await #expect(processExitsWith: .exitCode(0)) {
      guard FileDescriptorDomain.sharedID != nil else { exit(1) }
      func orphans() throws -> Int {
        let report = try LeakAuditor.audit()
        guard let books = report.books("file descriptors"), books.isSettled else { return -1 }
        let findings = report.findings("file descriptors").filter { $0.kind == .orphan }
        return findings.reduce(0) { $0 + $1.count }
      }
      /// - Returns: 0, or the number of the step at which the counts differed.
      func attempt() throws -> Int32 {
        let start = try orphans()
        guard start >= 0 else { return 2 }
        let owned = try OwnedFileDescriptor.open("/dev/null", .readOnly)
        defer { owned.dispose() }
        guard try orphans() == start else { return 3 }
        let forgotten = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
        let found = try orphans()
        try forgotten.close()
        guard found == start + 1 else { return 4 }
        return try orphans() == start ? 0 : 5
      }
      exit(try untilUndisturbed(attempt))
    }
  }
}
