// SPDX-License-Identifier: Apache-2.0

import LeakAuditing
import NativeBuffers
import Testing

@testable import CommandSupport
@testable import thumbnails

@Suite("The summary of a run")
struct BatchSummaryTests {
  // In a process of its own, because other tests of this process make faults on purpose.
  @Test("A buffer that is live after the last picture is a fault, although both books agree on it")
  func held() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "thumbnails")
      let buffer = try NativeBuffer(byteCount: 1_024, arena: arena)
      func summary() throws -> BatchSummary {
        BatchSummary(counts: ThumbnailJob.Counts(), usage: .now(), audit: try LeakAuditor.audit())
      }
      let held = try summary()
      #expect(held.audit.verdict != .faults && held.hasFault)
      #expect(held.text.contains("\nheld: 1 buffers of 1,024 bytes are live after the last picture\n"))
      buffer.dispose()
      #expect(try !summary().hasFault)
    }
  }
}
