// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// The lines of the whole screen.
struct WatchScreen {
  private let reading: WatchReading
  /// Growth in bytes by line of code; none for lines that are not in it.
  private let growth: [Site: Int]
  private let units: ByteText
  private let style: Style

  init(_ reading: WatchReading, growth: [Site: Int], units: ByteText, style: Style) {
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
    case .growth: return shown.sorted { (growth[$0.site] ?? 0) > (growth[$1.site] ?? 0) }
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
    let (live, idle) = (snapshot.liveTotals, snapshot.idleByteCount)
    var figures = "live \(live.count.grouped) of \(units.phrase(live.byteCount))   idle \(units.phrase(idle))"
    if let residentSet = reading.residentSet { figures += "   resident \(units.phrase(residentSet))" }
    if let growth = snapshot.growthPerMinute { figures += "   \(units.signed(growth))/min" }
    let frozen = state.isFrozen ? "  FROZEN" : ""
    return [
      style.heading((reading.title + frozen).shortened(to: columns)),
      figures.shortened(to: columns),
      curve("live bytes", snapshot.history.map(\.liveByteCount), columns: columns),
      curve("resident", snapshot.history.map(\.residentSet), columns: columns),
      snapshot.booksLine(units).shortened(to: columns),
      "",
    ]
  }

  /// The curve of the last hour, with its least and its greatest value.
  private func curve(_ name: String, _ values: [Int], columns: Int) -> String {
    guard let least = values.min(), let greatest = values.max() else {
      return style.faint("\(name): no history, because no maintenance thread runs".shortened(to: columns))
    }
    let name = name.paddedRight(to: 12)
    let limits = "  \(units.text(least)) … \(units.text(greatest))"
    return name + Sparkline.text(values, width: max(8, columns - name.count - limits.count)) + limits
  }

  private func table(_ state: WatchState, pageRows: Int, columns: Int) -> [String] {
    let all = self.rows(state)
    guard !all.isEmpty else { return [state.filter.isEmpty ? "nothing is live" : "no line matches the filter"] }
    let titles = ["bytes", "count", "growth", "oldest"]
    let sortedTitle = state.order == .age ? "oldest" : state.order.rawValue
    // A narrow terminal has room for the most important columns only, and for the one by which the rows are sorted.
    var table = TextTable(
      [.right, .right, .right, .left, .left], dropping: [3, 1, 2].filter { titles[$0] != sortedTitle })
    table.add(titles.map { $0 == sortedTitle ? "[\($0)]" : $0 } + ["line of code"], paint: style.faint)
    for line in all.dropFirst(state.firstRow).prefix(pageRows) {
      table.add(
        [
          units.text(line.byteCount), line.count.grouped, growth[line.site].map(units.signed) ?? "-",
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
    "growth is that of the last minute. live: a handle owns it.",
    "idle: kept for reuse, which is no leak.",
  ]

  private func foot(_ state: WatchState) -> String {
    if state.isTypingFilter { return "filter: \(state.filter)_   (enter: keep, esc: show all)" }
    if let message = state.message { return message }
    let filter = state.filter.isEmpty ? "" : "filter: \(state.filter)   "
    return "\(filter)q quit  s sort  / filter  f freeze  w snapshot  h help"
  }
}
