// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// The lines of the whole screen.
struct WatchScreen {
  private let reading: WatchReading
  private let growth: WatchGrowth.Seen
  private let units: ByteText
  private let style: Style

  init(_ reading: WatchReading, growth: WatchGrowth.Seen, units: ByteText, style: Style) {
    self.reading = reading
    self.growth = growth
    self.units = units
    self.style = style
  }

  private var snapshot: LedgerSnapshot { reading.snapshot }

  /// Rows above the table and below it.
  static let frameRows = 8

  /// The lines of code that are shown, in their order.
  func rows(_ state: WatchState) -> [LineTotals] {
    let shown =
      state.filter.isEmpty
      ? reading.lines : reading.lines.filter { Pattern(state.filter).isFound(in: $0.site.description) }
    switch state.order {
    case .bytes: return shown
    // The sort is stable, so lines that are equal stay in the order of their bytes.
    case .growth: return shown.sorted { (growth.bytes[$0.site] ?? 0) > (growth.bytes[$1.site] ?? 0) }
    case .count: return shown.sorted { $0.count > $1.count }
    case .age: return shown.sorted { ($0.oldestBand, $0.oldestAge ?? 0) > ($1.oldestBand, $1.oldestAge ?? 0) }
    }
  }

  func text(_ state: WatchState, rows: Int, columns: Int) -> [String] {
    let pageRows = max(1, rows - Self.frameRows)
    var text = head(state, columns: columns)
    text +=
      state.isShowingHelp
      ? Self.help.map { $0.shortened(to: columns) } : table(state, pageRows: pageRows, columns: columns)
    while text.count < rows - 1 { text.append("") }
    return Array(text.prefix(rows - 1)) + [foot(state).shortened(to: columns)]
  }

  private func head(_ state: WatchState, columns: Int) -> [String] {
    return [
      style.heading(reading.title(state.isFrozen ? "  FROZEN" : "", atMost: columns)),
      figures(columns: columns),
      curve("live bytes", snapshot.history.map(\.liveByteCount), columns: columns),
      curve("resident", snapshot.history.map(\.residentSet), columns: columns),
      snapshot.booksLine(units, atMost: columns),
      "",
    ]
  }

  /// The sums. On a narrow terminal, the least important ones are left out: first the idle memory, then the resident
  /// set, the growth, and the number of resources.
  private func figures(columns: Int) -> String {
    let live = snapshot.liveTotals
    let idle: String? = "idle \(units.phrase(snapshot.idleByteCount))"
    let resident = reading.residentSet.map { "resident \(units.phrase($0))" }
    let growth = snapshot.growth?.text(units)
    let first = "live \(live.count.grouped) of \(units.phrase(live.byteCount))"
    let lines = [[idle, resident, growth], [resident, growth], [growth], []].map { rest in
      ([first] + rest.compactMap { $0 }).joined(separator: "   ")
    }
    return String.first(of: lines + ["live \(units.text(live.byteCount))"], atMost: columns)
  }

  /// The curve of the last hour, with its least and its greatest value, or without them if the curve then has fewer
  /// than 8 columns.
  private func curve(_ name: String, _ values: [Int], columns: Int) -> String {
    guard let least = values.min(), let greatest = values.max() else {
      let reason = "\(name): no history"
      return style.faint(
        String.first(of: ["\(reason), because no maintenance thread runs", reason, "no history"], atMost: columns))
    }
    let name = name.paddedRight(to: 12).shortened(to: columns)
    let range = ["  \(units.text(least)) … \(units.text(greatest))", "  at most \(units.text(greatest))"]
    let limits = range.first { name.count + 8 + $0.count <= columns } ?? ""
    return name + Sparkline.text(values, width: columns - name.count - limits.count) + limits
  }

  private func table(_ state: WatchState, pageRows: Int, columns: Int) -> [String] {
    let all = self.rows(state)
    guard !all.isEmpty else {
      return [(state.filter.isEmpty ? "nothing is live" : "no line matches the filter").shortened(to: columns)]
    }
    // The growth is told with its time, which is less than a minute while the watch is young.
    // Below 80 columns, the signs of the figures must say that it is growth.
    let growthTitle =
      growth.seconds == 0 ? "growth" : columns < 80 ? "in \(growth.seconds) s" : "growth, \(growth.seconds) s"
    let titles = ["bytes", "count", growthTitle, "oldest"]
    let sortedTitle = state.order == .age ? "oldest" : state.order == .growth ? growthTitle : state.order.rawValue
    // A narrow terminal has room for the most important columns only, and for the one by which the rows are sorted. A
    // very narrow one has room for that one alone.
    let dropping = (columns < 30 ? [3, 1, 2, 0] : [3, 1, 2]).filter { titles[$0] != sortedTitle }
    var table = TextTable([.right, .right, .right, .left, .left], dropping: dropping)
    table.add(titles.map { $0 == sortedTitle ? "[\($0)]" : $0 } + ["line of code"], paint: style.faint)
    for line in all.dropFirst(state.firstRow).prefix(pageRows) {
      table.add(
        [
          units.text(line.byteCount), line.count.grouped, growth.bytes[line.site].map(units.signed) ?? "-",
          snapshot.oldestText(line),
        ], line.site)
    }
    return table.lines(indent: 0, width: columns, isOneLineEach: true)
  }

  private static let help = [
    "s    sort by bytes, growth, count or age",
    "/    show only lines in which a text is found; esc shows all again",
    "f    freeze the figures, and go on",
    "w    write a snapshot into the current folder",
    "q    quit",
    "up, down, page up, page down: scroll",
    "",
    "growth is that of the last minute, or less: its title has the seconds.",
    "live: a handle owns it.",
    "idle: kept for reuse, which is no leak.",
  ]

  private func foot(_ state: WatchState) -> String {
    if state.isTypingFilter { return "filter: \(state.filter)_   (enter: keep, esc: show all)" }
    if let message = state.message { return message }
    let filter = state.filter.isEmpty ? "" : "filter: \(state.filter)   "
    return "\(filter)q quit  s sort  / filter  f freeze  w snapshot  h help"
  }
}
