// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger

/// Reads the ledger of another process, or of a file that a process left.
///
/// It needs no help of the process, does not stop it, and changes nothing. Nothing that it reads is trusted: bytes that
/// no sound ledger has give an error or are counted in ``LedgerSnapshot/damage``, and take no more memory than twice
/// what the file takes, and 4 MiB.
package struct LedgerReader: Sendable {
  let source: LedgerSource
  /// The process that was asked for, to find out at the end whether it still runs.
  let process: SeenProcess?

  /// Opens the ledger of a process.
  /// - Parameter process: its id, as this process's `/proc` shows it.
  /// - Throws: ``LedgerReadingError`` if there is no such process, it has no ledger, or it may not be read.
  package init(process id: Int) throws(LedgerReadingError) {
    let process = try SeenProcess(id)
    source = try process.openLedger()
    self.process = process
  }

  /// Opens a ledger in a file.
  /// - Throws: ``LedgerReadingError`` if there is no such file, or it may not be read.
  package init(path: String) throws(LedgerReadingError) {
    source = try LedgerSource(path: path, subject: .file(path))
    process = nil
  }

  /// Whether a file begins like a ledger, even if it cannot be read or is damaged.
  package static func isLedger(path: String) -> Bool {
    do throws(LedgerReadingError) {
      _ = try LedgerHeader(LedgerSource(path: path, subject: .file(path)))
      return true
    } catch {
      return ![.notALedger, .notFinished, .noSuchFile].contains(error.code)
    }
  }

  /// The id of the process that was asked for; nil if it is a file.
  var processID: Int? { process?.id }

  /// Reads the whole ledger.
  /// - Throws: ``LedgerReadingError`` if it is no ledger, is damaged, or changes its size meanwhile.
  /// - Complexity: reads 64 bytes twice for each entry that was ever used at the same time as all others: some 50 ms
  ///   for a million of them.
  package func snapshot(_ options: Options = Options()) throws(LedgerReadingError) -> LedgerSnapshot {
    var header = try LedgerHeader(source)
    var owner = try LedgerProcess(source, pageSize: header.pageSize)
    let fields = try ClockFields(source)
    var (status, isRunning) = (header.status, process?.isRunning)
    if process == nil, let owner {
      isRunning = SeenProcess.isRunning(owner, status)
      if isRunning == true, SeenProcess.hasBegunOtherProgram(owner, inode: source.identity.inode) {
        (status, isRunning) = (.replaced, false)
      }
    }
    // The ledger has the name of the time when it was made, if the process knew it then.
    if isRunning == true, let command = process?.command { owner?.command = command }
    let takenAt = Self.now
    let clock = fields.clock(takenAt: takenAt, isRunning: isRunning ?? false)
    let options = options.withBoundary(longestGap: fields.longestGap)
    var damage = DamageList()
    var entries = EntryPass(
      now: clock.now, ageBoundaries: options.ageBoundaries, largestCount: options.largestCount)
    try entries.run(source, &header, damage: &damage)

    let sums = entries.sortedSums()
    let largest = entries.largest.sorted()
    let peaks = try PeakReader(source, header)
    let sites = try SiteReader(
      source, header,
      wanted: sums.map(\.key.site) + largest.map(\.fields.site) + peaks.siteNumbers
        + entries.releasing.map(\.site),
      damage: &damage)
    let domains = try DomainReader(source, header, endedCounts: entries.endedCounts, damage: &damage)
    let answer = try AnswerReader.read(source, header, fields, clock, domains, damage: &damage)
    let snapshot = LedgerSnapshot(
      process: owner, seenProcessID: process?.id, status: status, isRunning: isRunning, takenAt: takenAt,
      clock: clock, ageBoundaries: options.ageBoundaries,
      sums: sums.map { SnapshotSum($0, sites, domains) },
      largest: largest.map { SnapshotEntry($0, age: entries.age($0.fields), sites, domains) },
      sites: sites.sites, domains: domains.domains,
      runningCleanups: entries.releasing.compactMap { SnapshotCleanup($0, fields, clock, sites, domains) }
        .sorted { $0.age > $1.age },
      scopes: try ScopeReader.read(source, header, numbers: Set(largest.map(\.fields.scope.number))),
      answer: answer, history: try HistoryReader.read(source, header, now: clock.now),
      peaks: peaks.peaks(sites),
      unrecordedCount: try source.bytes(at: LedgerLayout.unrecordedOffset, count: 8).long(at: 0),
      tornCount: entries.tornCount, damage: damage.rows, entryCount: header.table(.entries).count,
      entryCapacity: header.table(.entries).capacity)
    try header.readCountsAgain(source)
    guard source.currentByteCount == source.byteCount else {
      throw LedgerReadingError(
        .changedWhileRead(
          what: "it had \(source.byteCount.grouped) bytes, and has \(source.currentByteCount.grouped) now"),
        of: source.subject)
    }
    return snapshot
  }

  /// Nanoseconds since 1970.
  private static var now: UInt64 { KernelClock.nanoseconds(of: CLOCK_REALTIME) }
}

extension SnapshotSum {
  init(_ sum: EntrySums.Sum, _ sites: SiteReader, _ domains: DomainReader) {
    let key = sum.key
    self.init(
      site: sites.position(of: key.site), domain: domains.position(of: Int(key.domain)), bucket: key.bucket,
      use: key.use, keeper: key.keeper, oldestBirth: sum.earliestBirth.second, ageBand: key.ageBand,
      count: Int(sum.count), byteCount: Int(clamping: sum.byteCount), capacity: Int(clamping: sum.capacity))
  }
}

extension SnapshotEntry {
  init(_ entry: LargestEntries.Entry, age: Int, _ sites: SiteReader, _ domains: DomainReader) {
    let fields = entry.fields
    self.init(
      index: entry.index, site: sites.position(of: fields.site), domain: domains.position(of: Int(fields.domain)),
      bucket: Int(fields.bucket), use: entry.use, keeper: fields.keeper, byteCount: Int(clamping: fields.byteCount),
      capacity: Int(clamping: fields.capacity), age: age, scope: fields.scope.number, address: UInt(fields.address),
      pinCount: fields.word.pinCount)
  }
}

extension SnapshotCleanup {
  /// - Returns: nil if the entry is no registration of a registry: then its release waits for a pin.
  init?(
    _ entry: EntryFields, _ fields: ClockFields, _ clock: LedgerClock, _ sites: SiteReader, _ domains: DomainReader
  ) {
    let domain = domains.position(of: Int(entry.domain))
    guard domains.domains[domain].kind == .finalizationRegistry, entry.mark != 0 else { return nil }
    let now = (Double(fields.monotonic) / 1e6 + clock.age * 1e3).rounded()
    let milliseconds = CoarseClock.milliseconds(
      from: entry.mark, to: UInt32(truncatingIfNeeded: Int64(clamping: Int128(now))))
    self.init(site: sites.position(of: entry.site), domain: domain, age: Double(milliseconds) / 1e3)
  }
}
