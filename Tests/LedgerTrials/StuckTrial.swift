// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import NativeSynchronization
import ResourceLedger
import TestSupport

/// A cleanup that never ends, and others that wait behind it.
enum StuckTrial {
  static let registryName = "uploads"
  static let file = "ledger_trials/StuckTrial.swift"
  static let line: UInt = 2_001
  static let waitingCount = 3
  /// Since when the cleanup seems to run.
  static let seconds: UInt32 = 910

  private final class Target: Finalizable, Sendable {
    let finalizationAnchor = FinalizationAnchor()
  }

  static func run() throws {
    let gate = Gate()
    let registry = FinalizationRegistry<Int>(name: registryName) { _ in
      gate.pass()
      while true { Glibc.pause() }
    }
    try registry.register(Target(), holding: 0, line: line)
    gate.pass()
    for number in 1...waitingCount { try registry.register(Target(), holding: number) }
    Ledger.shared.forEachResource { entry, snapshot in
      guard Ledger.shared.site(snapshot.site).line == Int(line) else { return }
      entry.cleanupStart = CoarseClock.now &- 1_000 * seconds | 1
    }
    LedgerTrials.pause("stuck")
    withExtendedLifetime(registry) {}
  }
}
