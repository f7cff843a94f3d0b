// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("Descriptors of Dispatch")
struct DispatchDescriptorTests {
  @Test("What Dispatch opens for itself is not counted; an epoll and an eventfd of the program are")
  func census() throws {
    let process = try TrialProcess(["dispatch"])
    #expect(try process.line() == "an owned descriptor: 1 counted")
    #expect(try process.step() == "a cache: 1 counted")
    #expect(try process.step() == "timers of all clocks: 1 counted")
    #expect(try process.step() == "an epoll and an eventfd of the program: 3 counted")
    process.takeStep()
    #expect(process.finish() == 0)
  }
}
