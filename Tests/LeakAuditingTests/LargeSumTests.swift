// SPDX-License-Identifier: Apache-2.0

import Finalization
import Foundation
import NativeBuffers
import ResourceLedger
import Testing

@testable import LeakAuditing
@testable import LedgerReading

/// Sums of the numbers that clients give are exact when they are compared, and saturate when they are shown.
@Suite("Audit: sums larger than an Int")
struct LargeSumTests {
  private final class Target: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
  }

  @Test("40,000 resources of 2^48 bytes are audited, held in a scope and rescued, and their sum is Int.max")
  func resources() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let (left, report) = try LeakAuditor.scope("large") {
        try (0..<40_000).map { try NativeResource($0, byteCount: 1 << 48) { _ in } }
      }
      guard report.findings.map(\.kind) == [.held], report.findings[0].count == 40_000 else { exit(1) }
      guard report.findings[0].byteCount == .max, report.findings[0].sites.map(\.byteCount) == [.max] else { exit(2) }
      _ = try LeakAuditor.audit()
      for resource in left { resource.dispose() }
      let (_, rescues) = try LeakAuditor.scope("rescued") {
        for number in 0..<70_000 { _ = try NativeResource(number, byteCount: 1 << 48) { _ in } }
      }
      guard rescues.findings.map(\.kind) == [.rescued], rescues.findings[0].count == 70_000 else { exit(3) }
      guard rescues.findings[0].byteCount == .max else { exit(4) }
      let audit = try LeakAuditor.audit()
      guard let rescued = audit.findings.first(where: { $0.kind == .rescued }) else { exit(5) }
      guard rescued.count == 70_000, rescued.byteCount == .max else { exit(6) }
      _ = audit.text
    }
  }

  @Test("With 70,000 registrations of 2^48 bytes, both books show Int.max bytes, and agree")
  func registrations() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let registry = FinalizationRegistry<Int>(name: "large", delivery: .manual) { _ in }
      let target = Target()
      for number in 0..<70_000 { try registry.register(target, holding: number, byteCount: 1 << 48) }
      let report = try LeakAuditor.audit()
      guard let books = report.books("large"), report.findings("large").isEmpty else { exit(1) }
      guard books.census == BookTotals(count: 70_000, byteCount: .max), books.ledger == books.census else { exit(2) }
      guard registry.census() == Census(count: 70_000, byteCount: .max) else { exit(3) }
      withExtendedLifetime(target) {}
    }
  }

  @Test("If a census says Int.max bytes and the ledger has more, its domain is reported as uncounted")
  func undecidable() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let domain = StatedDomain("beyond") { Census(count: 32_769, byteCount: .max) }
      let id = try ResourceDomains.add(domain)
      let resources = try (0..<32_769).map { try NativeResource($0, domain: id, byteCount: 1 << 48) { _ in } }
      let findings = try LeakAuditor.audit().findings("beyond")
      guard findings.map(\.kind) == [.uncounted], findings[0].count == 32_769 else { exit(1) }
      for resource in resources { resource.dispose() }
    }
  }

  @Test("Adopted memory larger than any address space is refused, and memory of the largest size is added up")
  func adopted() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let byte = Foreign()
      guard (try? byte.adopted(byteCount: .max)) == nil, (try? byte.adopted(byteCount: 1 << 48 + 1)) == nil else {
        exit(1)
      }
      let buffers = try (0..<40_000).map { _ in try byte.adopted(byteCount: 1 << 48) }
      guard try LeakAuditor.audit().adopted == .init(count: 40_000, byteCount: .max) else { exit(2) }
      for buffer in buffers { buffer.dispose() }
      let (_, report) = try LeakAuditor.scope("rescued") {
        for _ in 0..<70_000 { _ = try byte.adopted(byteCount: 1 << 48) }
      }
      guard report.findings.map(\.kind) == [.rescued], report.findings[0].byteCount == .max else { exit(3) }
      _ = try LeakAuditor.audit().text
    }
  }

  /// Memory that buffers adopt, and that is never freed.
  // SAFETY: the bytes are never read or written.
  @safe private struct Foreign: @unchecked Sendable {
    let base = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)

    func adopted(byteCount: Int) throws -> NativeBuffer {
      unsafe try NativeBuffer(unsafeAdopting: base, byteCount: byteCount) { _ in }
    }
  }
}
