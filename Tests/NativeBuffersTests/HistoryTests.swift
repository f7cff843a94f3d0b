// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("The clock and the history of the process's ledger")
struct HistoryTests {
  private static func field(_ kind: LedgerLayout.Kind, _ index: Int, _ field: Int) -> Int {
    guard let offset = Ledger.shared.offset(of: index, in: kind) else { return -1 }
    return Int(truncatingIfNeeded: unsafe Ledger.shared.atomic64(at: offset + field).pointee.load(ordering: .relaxed))
  }

  private static var isMaintained: Bool {
    unsafe Ledger.shared.atomic32(at: LedgerLayout.clockFlagsOffset).pointee.load(ordering: .relaxed) == 1
  }

  @Test("Each second, a sample says what is live and idle, how much is resident, and what was disposed and rescued")
  func sample() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "history")
      let kept = try (0..<3).map { _ in try NativeBuffer(uninitializedByteCount: 100_000, arena: arena) }
      for _ in 0..<4 { try NativeBuffer(uninitializedByteCount: 100_000, arena: arena).dispose() }
      do { _ = try NativeBuffer(uninitializedByteCount: 100_000, arena: arena) }
      Maintenance.workOfSecond(at: 0)
      let index = Int(Ledger.shared.second) % 3_600
      #expect(Self.field(.history, index, 0) == Int(Ledger.shared.second))
      let sizeClass = SizeClass.byteCount(at: SizeClass.index(holding: 100_032))
      #expect((1...3).map { Self.field(.history, index, $0 * 8) } == [3, 300_000, sizeClass])
      #expect(Self.field(.history, index, 32) > 0)
      #expect((5...6).map { Self.field(.history, index, $0 * 8) } == [5, 1])
      // The first sample with anything live is a peak.
      #expect(Self.field(.peaks, 1, LedgerLayout.PeakField.liveBytes) == 300_000)
      withExtendedLifetime(kept) {}
    }
  }

  @Test("A failed allocation is in the ledger, with what was live then")
  func failure() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "failure")
      let kept = try NativeBuffer(uninitializedByteCount: 100_000, arena: arena)
      arena.failureCountdown.store(1, ordering: .relaxed)
      #expect(throws: NativeBufferError.self) { try NativeBuffer(uninitializedByteCount: 5 << 20, arena: arena) }
      #expect(Self.field(.peaks, 3, 0) >> 32 == 2)
      #expect(Self.field(.peaks, 3, LedgerLayout.PeakField.requestedBytes) == 5 << 20)
      #expect(Self.field(.peaks, 3, LedgerLayout.PeakField.liveBytes) == 100_000)
      withExtendedLifetime(kept) {}
    }
  }

  @Test("While there is a block, the thread refreshes the clock, and says so; afterwards it sleeps without a deadline")
  func clock() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "clock", configuration: .init(dirtyDecay: .zero, idleTime: .milliseconds(2)))
      let buffer = try NativeBuffer(byteCount: 3 << 20, arena: arena)
      ThreadStatus.wait("the thread looks each second") { Self.isMaintained }
      let second = Ledger.shared.second
      // No slow path runs meanwhile.
      ThreadStatus.wait("the next second") { Ledger.shared.second > second }
      buffer.dispose()
      ThreadStatus.wait("nothing to do") { Maintenance.hasNothingToDo.load(ordering: .relaxed) }
      #expect(!Self.isMaintained)
      let next = try NativeBuffer(byteCount: 3 << 20, arena: arena)
      ThreadStatus.wait("the thread looks again") { Self.isMaintained }
      MaintenanceThread.turnOff()
      #expect(!Self.isMaintained)
      MaintenanceThread.turnOn()
      ThreadStatus.wait("the thread looks after it was turned on") { Self.isMaintained }
      withExtendedLifetime(next) {}
    }
  }

  @Test(
    "A forked child has no thread, so only its slow paths refresh the clock, and the header says so",
    .enabled(if: !ThreadSanitizer.isOn, "a thread sanitizer refuses threads in a forked child"))
  func fork() async {
    await #expect(processExitsWith: .success) {
      let buffer = try NativeBuffer(byteCount: 1_000)
      ThreadStatus.wait("the thread looks each second") { Self.isMaintained }
      let child = Forking.fork(secondsOfChild: 60)
      if child == 0 { _exit(Self.isMaintained || Maintenance.countsSeconds.load(ordering: .relaxed) ? 1 : 0) }
      #expect(Forking.status(of: child) == 0)
      withExtendedLifetime(buffer) {}
    }
  }
}
