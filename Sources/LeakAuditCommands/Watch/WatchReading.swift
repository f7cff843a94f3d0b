// SPDX-License-Identifier: Apache-2.0

import Glibc
import LedgerReading
import NativeSynchronization
import ResourceLedger

/// One reading of a ledger that is watched.
struct WatchReading {
  let target: LedgerTarget
  let units: ByteText
  let snapshot: LedgerSnapshot
  /// Whether the target is a snapshot in a file, which does not change.
  private let isOfSnapshot: Bool
  /// Whether the process has ended since the reading.
  private(set) var hasEnded = false
  let lines: [LineTotals]
  /// The processor time that the reading took.
  let milliseconds: Int
  /// The process's resident set now. For a snapshot in a file, and if the process has ended, it is the last one that is
  /// known: another process may have the id now.
  let residentSet: Int?

  /// - Throws: ``CommandFailure`` if the ledger cannot be read.
  init(_ target: LedgerTarget, units: ByteText) throws(CommandFailure) {
    self.target = target
    self.units = units
    let begin = Self.processorTime
    let (snapshot, ledger) = try target.read()
    self.snapshot = snapshot
    isOfSnapshot = ledger == nil
    lines = snapshot.liveLines
    milliseconds = (Self.processorTime - begin) / 1_000_000
    let current = ledger == nil ? nil : snapshot.seenProcessID.flatMap { LeakAuditCommands.residentSet(ofProcess: $0) }
    residentSet = current ?? snapshot.lastResidentSet
  }

  /// Nanoseconds of processor time that this process has used. The wait for an answer takes none.
  private static var processorTime: Int { Int(KernelClock.nanoseconds(of: CLOCK_PROCESS_CPUTIME_ID)) }

  /// Reads again; nil if the process has ended meanwhile.
  func next() throws(CommandFailure) -> WatchReading? {
    do throws(CommandFailure) {
      return try WatchReading(target, units: units)
    } catch {
      if case .process(let id) = target, kill(pid_t(clamping: id), 0) != 0, errno == ESRCH { return nil }
      throw error
    }
  }

  /// The same figures, of a process that has ended.
  var ended: WatchReading {
    var result = self
    result.hasEnded = true
    return result
  }

  /// Whether another reading may show something else.
  var mayChange: Bool { snapshot.isRunning == true && !hasEnded && !isOfSnapshot }

  /// Whose ledger it is, in one line. The last reading of a process cannot say how the process ended.
  var title: String { hasEnded ? "\(snapshot.name), has ended" : snapshot.title(isKept: isOfSnapshot) }

  /// The title in at most `width` columns. The process id stays whole, also if there is no room for more.
  /// - Parameter remark: what is said behind it.
  func title(_ remark: String, atMost width: Int) -> String {
    let titles = [title] + (isOfSnapshot ? ["\(snapshot.name); \(snapshot.takenText)"] : [])
    if let title = titles.first(where: { ($0 + remark).count <= width }) { return title + remark }
    // A remark that leaves no room for the id is left out.
    let id = (snapshot.seenProcessID ?? snapshot.process?.id).map { "\($0)".count } ?? 0
    let remark = id + remark.count <= width ? remark : ""
    return snapshot.name(atMost: width - remark.count) + remark
  }

  /// All of it in one line: "14:03:22  live 12,345 of 31.6 MiB  idle 4.00 MiB  resident 120 MiB  +1.20 MiB in 45 s".
  /// For a snapshot in a file, it says when that was taken.
  var line: String {
    let live = snapshot.liveTotals
    var parts = [
      isOfSnapshot ? snapshot.takenText : Self.timeOfDay(snapshot.takenAt),
      "live \(live.count.grouped) of \(units.phrase(live.byteCount))",
      "idle \(units.phrase(snapshot.idleByteCount))",
    ]
    if let residentSet { parts.append("resident \(units.phrase(residentSet))") }
    if let growth = snapshot.growth { parts.append(growth.text(units)) }
    if let largest = lines.first { parts.append("most: \(largest.site)") }
    return parts.joined(separator: "  ")
  }

  /// - Parameter time: nanoseconds since 1970.
  private static func timeOfDay(_ time: UInt64) -> String {
    var seconds = Int(clamping: time / 1_000_000_000)
    var parts = unsafe tm()
    unsafe localtime_r(&seconds, &parts)
    let fields = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec]
    return fields.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
  }
}

/// Sleeps, or less long if a signal comes.
func sleep(milliseconds: Int) {
  var time = timespec(tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000)
  unsafe nanosleep(&time, nil)
}
