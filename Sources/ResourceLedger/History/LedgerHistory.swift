// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import Synchronization

/// Writes the history and the peaks of a ledger: what was live in each second of the last hour, and which lines had
/// most of it when there was most. The article Ledger-Layout.md has the bytes.
///
/// The counts come from scans of the entries, because no counter has them: threads create and dispose without one.
/// After a scan, the next one waits for 1,250 times as long as that scan took, so that scans take less than a
/// thousandth of a processor. Samples between two scans repeat the counts of the last one.
// SAFETY: the variables and the buffers are guarded by `lock`.
@safe package final class LedgerHistory: @unchecked Sendable {
  private typealias Field = LedgerLayout.HistoryField

  /// What the last scan counted.
  struct Counts {
    /// Live resources of all domains but registries, without detached blocks, and the bytes that they asked for.
    var liveCount = 0
    var liveByteCount = 0
    /// Bytes of the arenas' idle blocks.
    var idleByteCount = 0
    /// Lives of arenas' blocks that ended so far.
    var endedCount = 0
  }

  let ledger: Ledger
  /// Threads only try to take it: a thread whose allocation failed must not wait.
  private let lock = RankedLock(.ledgerHistory)
  let shares: SiteShares
  /// By domain number: how its entries count.
  private let uses: UnsafeMutableBufferPointer<Use>
  private var counts = Counts()
  /// The time before which no scan is made for a sample.
  private var nextScan: UInt64 = 0
  private var peaks = PeakTurns()

  private enum Use: UInt8 { case ignored, arena, other }

  /// - Returns: nil if the ledger has no room for a history, or memory is short.
  package init?(_ ledger: Ledger) {
    guard ledger.layout.table(.history).capacity > 0, ledger.layout.table(.peaks).capacity > 0,
      let shares = SiteShares(capacity: ledger.layout.sites.capacity)
    else { return nil }
    self.ledger = ledger
    self.shares = shares
    unsafe uses = .allocate(capacity: LedgerLayout.domainCapacity)
    unsafe uses.initialize(repeating: .ignored)
  }

  deinit { unsafe uses.deallocate() }

  // MARK: Samples

  /// Writes the sample of a second, unless another thread writes to the history just now. Scans the entries if a scan
  /// is due, and records a peak if there are more live bytes than ever.
  /// - Parameters:
  ///   - now: nanoseconds of the monotonic clock. Tests may pass any time that is not earlier than the last one.
  ///   - second: the second of the ledger's clock.
  ///   - residentSet: bytes of the process that are in memory.
  package func addSample(at now: UInt64, second: UInt32, residentSet: Int) {
    guard lock.tryLock() else { return }
    defer { lock.unlock() }
    if now >= nextScan {
      let begin = KernelClock.threadTime
      scan()
      if peaks.isNewPeak(counts.liveByteCount) { writePeak(.mostLiveBytes, second: second, requested: 0) }
      nextScan = now + Self.restPerTime * (KernelClock.threadTime - begin)
    }
    write(second: second, residentSet: residentSet)
  }

  static var restPerTime: UInt64 { 1_250 }

  private func write(second: UInt32, residentSet: Int) {
    let table = ledger.layout.table(.history)
    let record = table.offset + Int(second) % table.capacity * table.kind.recordSize
    let place = unsafe ledger.atomic32(at: record + Field.second)
    unsafe place.pointee.store(0, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    unsafe ledger.atomic32(at: record + Field.pressure).pointee.store(0, ordering: .relaxed)
    ledger.set(counts.liveCount, at: record + Field.liveCount)
    ledger.set(counts.liveByteCount, at: record + Field.liveBytes)
    ledger.set(counts.idleByteCount, at: record + Field.idleBytes)
    ledger.set(residentSet, at: record + Field.residentSet)
    let (ended, rescued) = ledger.countsOfDomains
    ledger.set(counts.endedCount &+ ended, at: record + Field.disposed)
    ledger.set(rescued, at: record + Field.rescued)
    ledger.set(0, at: record + Field.budget)
    unsafe place.pointee.store(second, ordering: .releasing)
  }

  // MARK: A failed allocation

  /// Records what was live when an allocation failed, once a second at most, and unless another thread writes to the
  /// history just now. Allocates nothing.
  /// Cost: a scan of the entries, some milliseconds for a million of them.
  package func recordFailure(ofByteCount byteCount: Int, second: UInt32) {
    guard lock.tryLock() else { return }
    defer { lock.unlock() }
    guard peaks.isNewFailure(in: second) else { return }
    scan()
    writePeak(.failedAllocation, second: second, requested: byteCount)
  }

  private func writePeak(_ reason: PeakTurns.Reason, second: UInt32, requested: Int) {
    let index = peaks.takeRecord(for: reason)
    guard let record = ledger.offset(of: index, in: .peaks) else { return }
    ledger.writePeak(
      at: record, reason: reason.rawValue, second: second, requested: requested, counts,
      shares.largest(of: ledger.siteCount))
  }

  // MARK: Scanning

  /// Reads every entry once, and counts what is live by its line. Allocates nothing.
  private func scan() {
    for number in 0..<ledger.domainCount {
      let kind = ledger.domainKind(DomainNumber(rawValue: UInt16(number)))
      unsafe uses[number] =
        kind == .arena ? .arena : kind.rawValue == 0 || kind == .finalizationRegistry ? .ignored : .other
    }
    let siteCount = ledger.siteCount
    shares.clear(siteCount)
    var counts = Counts()
    for index in 0..<ledger.entryCount {
      let entry = ledger.entry(at: index)
      let word = entry.word
      if word.rawValue & EntryWord.stateMask == EntryState.free.rawValue { continue }
      let use = unsafe uses[Int(entry.classification.domain.rawValue) & (LedgerLayout.domainCapacity - 1)]
      if use == .ignored { continue }
      if use == .arena {
        counts.endedCount &+= max(0, Int(truncatingIfNeeded: word.generation &- entry.firstGeneration))
        if word.state == .idle { counts.idleByteCount &+= entry.capacity }
      }
      let site = Int(entry.site.rawValue)
      guard site < siteCount else { continue }
      // The line of an idle block is that of its last life.
      ledger.recordUse(of: site, in: entry.birth)
      guard word.state == .live, !word.isDetached else { continue }
      let byteCount = entry.byteCount
      counts.liveCount &+= 1
      counts.liveByteCount &+= byteCount
      shares.add(byteCount, to: site)
    }
    self.counts = counts
  }
}

/// Which record the next peak is written to, and whether there is a new one.
private struct PeakTurns {
  enum Reason: UInt32 {
    case mostLiveBytes = 1
    case failedAllocation = 2
  }

  private var counts: (most: Int, failed: Int) = (0, 0)
  private var mostBytes = 0
  private var lastFailure: UInt32 = 0

  /// Each reason has two records, which are used in turn.
  mutating func takeRecord(for reason: Reason) -> Int {
    switch reason {
    case .mostLiveBytes:
      counts.most &+= 1
      return counts.most & 1
    case .failedAllocation:
      counts.failed &+= 1
      return 2 + counts.failed & 1
    }
  }

  /// Whether so many live bytes are a peak: a tenth more than at the last one.
  mutating func isNewPeak(_ byteCount: Int) -> Bool {
    guard byteCount > 0, byteCount - mostBytes >= mostBytes / 10 else { return false }
    mostBytes = byteCount
    return true
  }

  mutating func isNewFailure(in second: UInt32) -> Bool {
    defer { lastFailure = second }
    return second != lastFailure
  }
}

extension Ledger {
  fileprivate func set(_ value: Int, at offset: Int) {
    unsafe atomic64(at: offset).pointee.store(UInt64(bitPattern: Int64(value)), ordering: .relaxed)
  }

  /// Records that a life of a line began in a second, if no later one is recorded.
  fileprivate func recordUse(of site: Int, in second: UInt32) {
    let field = unsafe atomic32(
      at: layout.sites.offset + site * LedgerLayout.Kind.sites.recordSize + LedgerLayout.SiteField.lastUse)
    if unsafe second > field.pointee.load(ordering: .relaxed) {
      unsafe field.pointee.store(second, ordering: .relaxed)
    }
  }

  /// The reason is 0 while the other fields change.
  fileprivate func writePeak(
    at record: Int, reason: UInt32, second: UInt32, requested: Int, _ counts: LedgerHistory.Counts,
    _ largest: SiteShares.Largest
  ) {
    typealias Field = LedgerLayout.PeakField
    let place = unsafe atomic32(at: record + Field.reason)
    unsafe place.pointee.store(0, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    unsafe atomic32(at: record + Field.second).pointee.store(second, ordering: .relaxed)
    set(counts.liveCount, at: record + Field.liveCount)
    set(counts.liveByteCount, at: record + Field.liveBytes)
    set(requested, at: record + Field.requestedBytes)
    for index in 0..<Field.siteCount {
      let share = largest[index]
      let offset = record + Field.sites + index * Field.siteSize
      set(share.site, at: offset)
      set(share.count, at: offset + 8)
      set(share.byteCount, at: offset + 16)
    }
    unsafe place.pointee.store(reason, ordering: .releasing)
  }
}
