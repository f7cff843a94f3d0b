// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import LeakAuditing
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

// What happens if the process may not map enough memory for the smallest ledger.

@Suite(
  "Without room for a ledger",
  .enabled(if: ProcessMalloc.owner != .another, "A sanitizer maps terabytes for itself, and mimalloc gigabytes."))
struct NoLedgerTests {
  private static let little = 2 << 20

  @Test("A scope runs its closure, and reports that nothing is left, because nothing can have been created")
  func scope() async {
    await #expect(processExitsWith: .exitCode(0)) {
      MemoryLimit.set(to: Self.little)
      let (value, report) = LeakAuditor.scope("none") { 7 }
      guard value == 7, report.verdict == .clean, report.findings == [] else { exit(2) }
      let (next, second) = await LeakAuditor.scope("none") { () async in 8 }
      guard next == 8, second.verdict == .clean else { exit(3) }
      // A scope that throws is closed, too.
      struct Failed: Error {}
      do { _ = try LeakAuditor.scope("none") { throw Failed() } } catch is Failed { exit(0) }
      exit(4)
    }
  }

  @Test("An audit throws, and so does adding a domain; the file descriptors have no number")
  func errors() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let domain = StatedDomain("none") { Census(count: 0, byteCount: 0) }
      MemoryLimit.set(to: Self.little)
      do throws(LedgerError) {
        _ = try ResourceDomains.add(domain)
        exit(2)
      } catch {
        guard error.code == .reservationFailed, ResourceDomains.id(of: domain) == nil else { exit(3) }
      }
      do {
        _ = try LeakAuditor.audit()
        exit(4)
      } catch {
        guard (error as? LedgerError)?.code == .reservationFailed else { exit(5) }
      }
      exit(FileDescriptorDomain.sharedID == nil ? 0 : 6)
    }
  }
}
