// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

/// See Tests/ForkTrials. Each scenario is tried in a process of its own, because the process of the tests is large, and
/// a large process forks slowly.
@Suite(
  "Forks while other threads use the library",
  .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive a fork under ThreadSanitizer"))
struct ForkTrialTests {
  private static let forks = TestLength.choose(60, long: 20_000)

  @Test(
    "Every child can use the library and ends, and the parent can go on",
    arguments: [
      "audits", "background", "buffers", "comings", "descriptors", "drain", "exit", "flush", "forking",
      "inherited", "loads", "peeks", "sweeps", "trims", "watched",
    ])
  func trial(_ scenario: String) throws {
    let outcome = try Command.run("fork-trials", [scenario, "\(Self.forks)"])
    #expect(outcome.exitCode == 0, "\(scenario): \(outcome.errors)")
  }
}
