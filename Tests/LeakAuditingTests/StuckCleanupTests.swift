// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Foundation
import NativeSynchronization
import ResourceLedger
import TestSupport
import Testing

@testable import LeakAuditing
@testable import LedgerReading

@Suite("Audit: cleanups that block")
struct StuckCleanupTests {
  private final class Target: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
  }

  private static let site = "LeakAuditingTests/StuckCleanupTests.swift"

  @Test("A blocked cleanup is a fault with its line and age, and with the number of cleanups that wait for it")
  func blocked() throws {
    let began = DispatchSemaphore(value: 0)
    let goOn = DispatchSemaphore(value: 0)
    let registry = FinalizationRegistry<Bool>(name: "blocked registry") { blocks in
      guard blocks else { return }
      began.signal()
      goOn.wait()
    }
    try registry.register(Target(), holding: true, byteCount: 40); let line = #line
    began.wait()
    for _ in 0..<5 { try registry.register(Target(), holding: false) }

    // The limit is a day, because no audit of this test may depend on the time.
    #expect(try LeakAuditor.audit(stuckAfter: .seconds(86_400)).findings("blocked registry") == [])
    let report = try LeakAuditor.audit(stuckAfter: .zero)
    let finding = try #require(report.findings("blocked registry").first)
    #expect(report.findings("blocked registry").count == 1 && report.verdict == .faults)
    #expect(finding.kind == .stuck && finding.count == 1 && finding.byteCount == 40 && finding.waiting == 5)
    #expect(finding.domainKind == "finalization registry" && finding.age.map { $0 >= 0 } == true)
    #expect(finding.sites.map(\.line) == [line] && finding.sites.map(\.file) == [Self.site])

    // This is as if it had begun a quarter of an hour ago, so that it is stuck by the default limit.
    Ledger.shared.forEachResource { entry, snapshot in
      guard Ledger.shared.site(snapshot.site) == Site(file: Self.site, line: line, function: "blocked()") else {
        return
      }
      entry.cleanupStart = CoarseClock.now &- 900_000 | 1
    }
    let late = try #require(try LeakAuditor.audit().findings("blocked registry").first)
    #expect(late.kind == .stuck && late.age.map { $0 >= 899 } == true)
    let json = try JSONEncoder().encode(late)
    #expect(try JSONDecoder().decode(Finding.self, from: json) == late)

    goOn.signal()
    registry.flush()
    #expect(try LeakAuditor.audit(stuckAfter: .zero).findings("blocked registry") == [])
  }

  @Test("Audits also find a cleanup that blocks on the thread that released its target, or in clean()")
  func elsewhere() throws {
    let goOn = DispatchSemaphore(value: 0)
    let began = DispatchSemaphore(value: 0)
    let registry = FinalizationRegistry<Int>(name: "blocked elsewhere", delivery: .inlineOnReleasingThread) { _ in
      began.signal()
      goOn.wait()
    }
    let kept = Target()
    let registration = try registry.register(kept, holding: 2)
    onThreads(3) { thread in
      switch thread {
      case 0: _ = try? registry.register(Target(), holding: 1)
      case 1: _ = try? registration.clean()
      default:
        for _ in 0..<2 { began.wait() }
        let findings = (try? LeakAuditor.audit(stuckAfter: .zero))?.findings("blocked elsewhere")
        #expect(findings?.map(\.kind) == [.stuck] && findings?.map(\.count) == [2])
        #expect(findings?.map(\.waiting) == [0])
        for _ in 0..<2 { goOn.signal() }
      }
    }
    #expect(try LeakAuditor.audit(stuckAfter: .zero).findings("blocked elsewhere") == [])
    withExtendedLifetime(kept) {}
  }

  @Test(
    "A cleanup that a thread of the parent was running is not stuck in a forked child",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive a fork under ThreadSanitizer"))
  func child() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let began = DispatchSemaphore(value: 0)
      let goOn = DispatchSemaphore(value: 0)
      let registry = FinalizationRegistry<Int>(name: "blocked in the parent") { _ in
        began.signal()
        goOn.wait()
      }
      try registry.register(Target(), holding: 1)
      wait(for: began)
      func isStuck() -> Bool {
        let findings = (try? LeakAuditor.audit(stuckAfter: .zero))?.findings("blocked in the parent")
        return findings?.map(\.kind) == [.stuck]
      }
      guard isStuck() else { exit(1) }
      let child = Forking.fork()
      if child == 0 { _exit(isStuck() ? 1 : 0) }
      guard Forking.status(of: child) == 0, isStuck() else { exit(2) }
      goOn.signal()
      Self.flush(registry)
      exit(isStuck() ? 3 : 0)
    }
  }

  /// For code in an asynchronous context that may block its thread.
  private static func flush(_ registry: FinalizationRegistry<Int>) { registry.flush() }

  @Test("A registration that was cancelled is not stuck, and neither is one that waits")
  func others() throws {
    let registry = FinalizationRegistry<Int>(name: "not stuck", delivery: .manual) { _ in }
    let kept = Target()
    for number in 0..<100 { try registry.register(kept, holding: number).cancel() }
    for number in 0..<100 { try registry.register(Target(), holding: number) }
    #expect(try LeakAuditor.audit(stuckAfter: .zero).findings("not stuck") == [])
    try registry.drain()
  }

  @Test("The deinit of an unregistered held value is not stuck, even if a cleanup ran in the same cell before")
  func unregisteredValue() throws {
    let findings = Log<Int>()
    let registry = FinalizationRegistry<Auditing?>(name: "not a cleanup", delivery: .manual) { _ in }
    try registry.register(Target(), holding: nil)
    try registry.drain()
    let target = Target()
    try registry.register(target, holding: Auditing(domain: registry.name, findings), unregisterToken: target)
    registry.unregister(target)
    #expect(findings.all == [0])
  }

  /// Audits in its deinit, and logs how many findings a domain has.
  private final class Auditing: Sendable {
    private let domain: String
    private let log: Log<Int>
    init(domain: String, _ log: Log<Int>) {
      self.domain = domain
      self.log = log
    }
    deinit { log.add((try? LeakAuditor.audit(stuckAfter: .zero))?.findings(domain).count ?? -1) }
  }

  @Test("A report shows stuck cleanups with their ages and what waits, even if a file has absurd numbers")
  func text() {
    func lines(_ age: Double, _ waiting: Int) -> [String] {
      Finding.textLines([
        Finding(
          kind: .stuck, count: 1, byteCount: 0, domain: "textures", domainKind: "finalization registry", age: age,
          waiting: waiting)
      ])
    }
    #expect(
      lines(12.34, 1_024) == [
        "findings", "  stuck: 1, domain \"textures\" (finalization registry)",
        "    a cleanup runs for too long, and those behind it wait: a cleanup that blocks",
        "    for 12.3 s; 1,024 more are due and wait", "",
      ])
    for age in [Double.infinity, -.infinity, .nan, .greatestFiniteMagnitude, -1, 0] {
      #expect(lines(age, .min).count == 5)
    }
  }
}
