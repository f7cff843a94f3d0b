// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import LeakAuditing
import NativeBuffers
import TestSupport
import Testing

@Suite("Audit: at the end of a program")
struct ExitAuditTests {
  private final class Target {}

  @Test("An audit that expects nothing live finds what is held, with its line, and leaves out what is kept on purpose")
  func nothingLive() async {
    await #expect(processExitsWith: .exitCode(0)) {
      var failures: Int32 = 0
      func check(_ number: Int32, _ isRight: Bool) { if !isRight, failures == 0 { failures = number } }
      check(1, try LeakAuditor.audit(expecting: .nothingLive).verdict == .clean)
      let buffer = try NativeBuffer(byteCount: 1_000)
      let cached = try NativeBuffer(byteCount: 1)
      cached.setHeldByCache(true)
      let kept = try ProcessLifetime.scope { try NativeBuffer(byteCount: 1) }
      let resource = try NativeResource(1, byteCount: 10) { _ in }
      check(2, try LeakAuditor.audit().verdict == .clean)
      let report = try LeakAuditor.audit(expecting: .nothingLive)
      check(3, report.verdict == .faults)
      check(4, report.findings.map(\.kind) == [.held, .held])
      check(5, report.findings.first?.sites.map(\.byteCount) == [1_000])
      check(6, report.findings.map(\.count) == [1, 1])
      resource.dispose()
      buffer.dispose()
      check(7, try LeakAuditor.audit(expecting: .nothingLive).verdict == .clean)
      withExtendedLifetime((cached, kept)) { exit(failures) }
    }
  }

  @Test("A program that leaks ends with the code that was asked for, and says on standard error what and where")
  func leaking() async throws {
    let outcome = await #expect(processExitsWith: .exitCode(9), observing: [\.standardErrorContent]) {
      LeakAuditor.auditAtExit(endingWith: 9)
      atexit { _ = unsafe write(STDERR_FILENO, "earlier handler\n", 16) }
      let buffer = try NativeBuffer(byteCount: 1_000)
      withExtendedLifetime(buffer) { exit(0) }
    }
    let text = try #require(outcome).standardErrorContent
    let shown = String(decoding: text, as: UTF8.self)
    #expect(shown.contains("held: 1 of 1,000 bytes"), "\(shown)")
    #expect(shown.contains("× LeakAuditingTests/ExitAuditTests.swift:"), "\(shown)")
    #expect(shown.contains("earlier handler"), "\(shown)")
  }

  @Test("A program that leaks keeps an exit code of its own, and one without faults ends with 0 and says nothing")
  func codes() async throws {
    await #expect(processExitsWith: .exitCode(3)) {
      LeakAuditor.auditAtExit(endingWith: 9)
      let buffer = try NativeBuffer(byteCount: 1_000)
      withExtendedLifetime(buffer) { exit(3) }
    }
    let outcome = await #expect(processExitsWith: .exitCode(0), observing: [\.standardErrorContent]) {
      LeakAuditor.auditAtExit(endingWith: 9)
      try NativeBuffer(byteCount: 1_000).dispose()
      exit(0)
    }
    #expect(!String(decoding: try #require(outcome).standardErrorContent, as: UTF8.self).contains("at exit"))
    await #expect(processExitsWith: .exitCode(0)) {
      LeakAuditor.auditAtExit()
      let buffer = try NativeBuffer(byteCount: 1_000)
      withExtendedLifetime(buffer) { exit(0) }
    }
  }

  @Test("The closure gets the report, and cleanups that run at exit have run before")
  func closure() async {
    await #expect(processExitsWith: .exitCode(21)) {
      LeakAuditor.auditAtExit { report in _exit(report.verdict == .clean ? 21 : 22) }
      let registry = FinalizationRegistry<Int>(name: "at exit", delivery: .manual) { _ in }
      let target = Target()
      let registration = try registry.register(target, holding: 1)
      registration.runsAtExit = true
      withExtendedLifetime((registry, target)) { exit(0) }
    }
  }

  @Test("A forked child does not make its parent's audit")
  func child() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let buffer = try NativeBuffer(byteCount: 1_000)
      LeakAuditor.auditAtExit(endingWith: 9) { _ in _exit(8) }
      let child = Forking.fork()
      if child == 0 { exit(0) }
      _exit(Forking.status(of: child) == 0 && buffer.byteCount == 1_000 ? 0 : 1)
    }
  }
}
