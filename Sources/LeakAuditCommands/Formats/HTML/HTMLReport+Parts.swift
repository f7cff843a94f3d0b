// SPDX-License-Identifier: Apache-2.0

#if AllFormats
  import FoundationEssentials
  import LedgerReading
  import ResourceLedger

  extension HTMLReport.Part {
    /// So many lines of code have a tile of their own; the others share one.
    private static var tileLimit: Int { 60 }

    init(_ ledger: AuditedLedger, number: Int, units: ByteText) {
      let (snapshot, report) = (ledger.snapshot, ledger.report)
      self.number = number
      title = report.title
      verdict = report.verdict.rawValue
      verdictText = report.verdictText(findingsAre: "below")
      figures = [
        .init(name: "live", value: "\(report.live.count.grouped) of \(units.phrase(report.live.byteCount))"),
        .init(name: "idle", value: units.phrase(report.idleBytes)),
        .init(name: "growth", value: report.growth?.text(units) ?? "not known"),
        .init(name: "resident set", value: report.memory.map { units.phrase($0.total) } ?? "not known"),
        .init(name: "read", value: UniversalTime.text(nanoseconds: report.takenAt)),
      ]
      findings = report.findings.map { HTMLReport.FindingRow($0, units: units) }
      memory = report.memory.map { HTMLReport.Memory($0, units: units) }
      memoryNote =
        report.memory != nil
        ? nil : report.memoryError ?? "How the memory is used is known only while the process runs."
      timeline = Timeline(snapshot).map { HTMLReport.Chart($0, units: units) }
      tiles = Self.tiles(report.lines, units: units)
      hasTiles = !tiles.isEmpty
      ages = Self.ages(snapshot)
      hasAges = !ages.isEmpty
      arenas = report.arenas.map { HTMLReport.ArenaRow($0) }
      sizeClasses = report.arenas.flatMap { arena in
        arena.sizeClasses.map { HTMLReport.SizeClassRow($0, arena: arena.name, units: units) }
      }
      books = report.booksText(units)
      lineCount = report.lines.count.counted("line") + " of code"
      data = Self.data(report.lines)
    }

    /// Rows for the script: file, line, function, bytes, count, age in seconds.
    private static func data(_ lines: [LedgerReport.Line]) -> String {
      struct Row: Encodable {
        let line: LedgerReport.Line

        func encode(to encoder: any Encoder) throws {
          var values = encoder.unkeyedContainer()
          try values.encode(line.site.file)
          try values.encode(line.site.line)
          try values.encode(line.site.function)
          try values.encode(line.byteCount)
          try values.encode(line.count)
          try values.encode(line.oldest)
          try values.encode(line.oldestAge ?? -1)
        }
      }
      let encoder = JSONEncoder()
      encoder.outputFormatting = .withoutEscapingSlashes
      let bytes = (try? encoder.encode(lines.map(Row.init))) ?? Data("[]".utf8)
      // In JSON, these characters are in strings only, where a script can have them as escapes.
      return String(decoding: bytes, as: UTF8.self).unicodeScalars.reduce(into: "") { text, scalar in
        switch scalar {
        case "<", ">", "&", "\u{2028}", "\u{2029}":
          let digits = String(scalar.value, radix: 16)
          text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: text.unicodeScalars.append(scalar)
        }
      }
    }

    private static func tiles(_ lines: [LedgerReport.Line], units: ByteText) -> [HTMLReport.Tile] {
      let sized = lines.filter { $0.byteCount > 0 }
      let shown = sized.prefix(tileLimit)
      let rest = Int.clampedSum(sized.dropFirst(tileLimit).map(\.byteCount))
      var names = shown.map { (name: $0.site.place, detail: $0.site.description, bytes: $0.byteCount) }
      if rest > 0 {
        let label = "\((sized.count - shown.count).counted("other line"))"
        names.append((name: label, detail: label, bytes: rest))
      }
      names.sort { $0.bytes > $1.bytes }
      let (width, height) = (900.0, 420.0)
      let places = Treemap(names.map { Double($0.bytes) }, width: width, height: height).rectangles
      return zip(names, places).enumerated().map { index, pair in
        let (name, place) = pair
        return HTMLReport.Tile(
          x: place.x.tenths, y: place.y.tenths, width: place.width.tenths, height: place.height.tenths,
          name: name.name, value: "\(name.detail): \(units.phrase(name.bytes))", shade: index % 6,
          isLabelled: place.width > Double(7 * name.name.count + 8) && place.height > 18)
      }
    }

    /// How many resources have reached which age.
    private static func ages(_ snapshot: LedgerSnapshot) -> [HTMLReport.Bar] {
      var counts = [Int](repeating: 0, count: snapshot.ageBoundaries.count + 1)
      for row in snapshot.sums where row.use.isHeld {
        counts[row.ageBand] = .clampedSum(counts[row.ageBand], row.count)
      }
      guard let most = counts.max(), most > 0 else { return [] }
      return counts.enumerated().map { band, count in
        let ages = snapshot.ages(ofBand: band)
        let name = ages.below.map { "\(Age.text(seconds: ages.least)) to \(Age.text(seconds: $0))" }
        return HTMLReport.Bar(
          name: name ?? "over \(Age.text(seconds: ages.least))", value: count.grouped,
          percent: (Double(count) / Double(most) * 100).tenths)
      }
    }
  }

  extension HTMLReport.FindingRow {
    /// So many lines of code of a finding are in the page; the table of lines has all that is live.
    private static var siteLimit: Int { 50 }

    init(_ judged: LedgerReport.JudgedFinding, units: ByteText) {
      let finding = judged.finding
      label = judged.counts ? "fault" : "note"
      heading = judged.title(units: units)
      explanation = judged.explanation
      reason = finding.reason
      next = judged.next
      sites = finding.sites.prefix(Self.siteLimit).map { site in
        "\(site.count.grouped) × \(site.file):\(site.line) in \(site.function)"
          + (site.byteCount == 0 ? "" : ", \(units.phrase(site.byteCount))")
          + (site.oldestAge.map { ", oldest \(Age.text(seconds: $0))" } ?? "")
      }
      let rest = finding.sites.count - sites.count
      more = rest > 0 ? "… and \(rest.counted("more line")) of code" : nil
    }
  }

  extension HTMLReport.Memory {
    fileprivate init(_ sum: ResidentSum, units: ByteText) {
      total = units.phrase(sum.total)
      let whole = Double(max(1, sum.total))
      rows = sum.rows.map { row in
        HTMLReport.MemoryRow(
          name: sum.label(row.term), resident: units.text(row.resident), size: row.size.map(units.text) ?? "",
          percent: (max(0, Double(row.resident)) / whole * 100).tenths)
      }
    }
  }

  extension HTMLReport.Chart {
    fileprivate init(_ timeline: Timeline, units: ByteText) {
      width = Timeline.width
      height = Timeline.height
      live = timeline.live
      resident = timeline.resident
      peaks = timeline.peaks.map { HTMLReport.Peak(x: $0.x, label: $0.label) }
      maximum = units.phrase(timeline.maximum)
      span = Age.text(seconds: timeline.seconds)
    }
  }

  extension HTMLReport.ArenaRow {
    fileprivate init(_ arena: ArenaBooks) {
      name = arena.name
      allocator = arena.allocatorCount.grouped
      live = arena.live.count.grouped
      idle = arena.idle.count.grouped
      quarantined = arena.quarantined.count.grouped
      detached = arena.detached.count.grouped
      difference = arena.difference.grouped
      differs = arena.difference != 0
    }
  }

  extension HTMLReport.SizeClassRow {
    fileprivate init(_ row: SizeClassBooks, arena: String, units: ByteText) {
      self.arena = arena
      size = units.text(row.sizeClass)
      allocator = row.allocatorCount.grouped
      ledger = Int.clampedSum([row.liveCount, row.idleCount, row.quarantinedCount, row.detachedCount]).grouped
      difference = row.difference.grouped
      differs = row.difference != 0
    }
  }

  extension Double {
    /// With one digit after the point, as CSS and SVG have numbers: 12.3.
    fileprivate var tenths: String {
      let tenths = Int((self * 10).rounded())
      return "\(tenths / 10).\(abs(tenths % 10))"
    }
  }
#endif
