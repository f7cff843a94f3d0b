// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

/// The lines of code that had most when there was most, or when an allocation failed. The ledger counts peaks without
/// the registrations of finalization registries, and without detached blocks.
struct ReportedPeak: Encodable {
  let reason: LedgerPeak.Reason
  /// Seconds before the ledger was read, or before the process ended.
  let secondsBefore: Int
  let live: LedgerReport.Amount
  /// When the lines were counted, and what was live then. The process counts its lines only if much more is live than
  /// when it did so last. So this may be earlier than the moment at which most was live.
  let linesSecondsBefore: Int
  let liveOfLines: LedgerReport.Amount
  /// What was live when the ledger was read, or when the process ended, counted in the same way.
  let liveLater: LedgerReport.Amount
  /// The bytes that the failed allocation asked for.
  let requestedBytes: Int
  let lines: [Share]
  /// How many lines of code --site leaves out.
  let leftOutLineCount: Int

  struct Share: Encodable {
    let site: Site
    let count: Int
    let byteCount: Int
  }

  init(_ peak: LedgerPeak, in snapshot: LedgerSnapshot, shows: (Site) -> Bool = { _ in true }) {
    reason = peak.reason
    let most = peak.reason == .mostLiveBytes ? snapshot.history.max { $0.liveByteCount < $1.liveByteCount } : nil
    linesSecondsBefore = snapshot.age(ofSecond: peak.second)
    liveOfLines = LedgerReport.Amount((peak.liveCount, peak.liveByteCount))
    if let most, most.liveByteCount > peak.liveByteCount {
      secondsBefore = snapshot.age(ofSecond: most.second)
      live = LedgerReport.Amount((most.liveCount, most.liveByteCount))
    } else {
      secondsBefore = linesSecondsBefore
      live = liveOfLines
    }
    liveLater = LedgerReport.Amount(snapshot.liveTotalsAsInPeaks)
    requestedBytes = peak.requestedByteCount
    lines = peak.sites.map { share in
      Share(site: snapshot.sites[share.site].site, count: share.count, byteCount: share.byteCount)
    }.filter { shows($0.site) }
    leftOutLineCount = peak.sites.count - lines.count
  }

  /// A heading, and a row for each line of code.
  func textLines(isRunning: Bool?, top: Int, units: ByteText, style: Style, width: Int?) -> [String] {
    func text(_ amount: LedgerReport.Amount) -> String {
      "\(amount.count.grouped) of \(units.phrase(amount.byteCount))"
    }
    let (before, later) = isRunning == false ? ("before the end", "at the end") : ("ago", "now")
    let age = "\(Age.text(seconds: secondsBefore)) \(before)"
    let event =
      switch reason {
      case .mostLiveBytes: "most was live \(age)"
      case .failedAllocation: "an allocation of \(units.phrase(requestedBytes)) failed \(age)"
      }
    var title = "\(event): \(text(live)), and \(text(liveLater)) \(later), both without registrations"
    if liveOfLines != live {
      title += ". The lines are those of \(Age.text(seconds: linesSecondsBefore)) \(before), of \(text(liveOfLines))"
    }
    var table = TextTable([.right, .right, .left], dropping: [1])
    for line in lines.prefix(top) { table.add([units.text(line.byteCount), line.count.grouped], line.site) }
    return title.wrapped(to: width, indent: 0).map(style.heading) + table.lines(width: width)
      + leftOutText(leftOutLineCount, width: width, indent: 2) + [""]
  }
}

extension [ReportedPeak] {
  /// The failed allocations, and the largest peak of live bytes. A peak is left out if as much or more is live later:
  /// it would only say what was live a moment before.
  func worthTelling() -> [ReportedPeak] {
    let most = filter { $0.reason == .mostLiveBytes && $0.live.byteCount > $0.liveLater.byteCount }
      .max { $0.liveOfLines.byteCount < $1.liveOfLines.byteCount }
    return filter { $0.reason == .failedAllocation } + [most].compactMap { $0 }
  }
}

extension LedgerSnapshot {
  /// What is live, as the process counts it for its peaks and its history.
  package var liveTotalsAsInPeaks: (count: Int, byteCount: Int) {
    let rows = sums.filter {
      ($0.use == .live || $0.use == .releasing) && domains[$0.domain].kind != .finalizationRegistry
    }
    return (.clampedSum(rows.map(\.count)), .clampedSum(rows.map(\.byteCount)))
  }
}
