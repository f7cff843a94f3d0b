// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads

/// One line of the table.
struct Figure {
  var group: String
  var row: String
  var memory: Memory
  var median: Double
  var minimum: Double
  var unit: Unit
  /// Minor faults per operation.
  var faults: Double?
  var ratios: [Ratio] = []
  var goals: [Goal] = []
  /// The samples of which the median is taken, in the order of the rounds; empty if the figure has no samples.
  var samples: [Double] = []

  enum Unit: String { case nanoseconds = "ns", milliseconds = "ms", times = "x", bytes = "B", percent = "%" }

  struct Ratio {
    var reference: String
    var value: Double
  }

  var goalsMet: Bool { goals.allSatisfy { $0.isMet(by: self) } }

  /// The same figure with its ratio to another figure. If both were sampled in the same rounds, the ratio is the median
  /// of the rounds' ratios, because a slow second of the machine affects both sides of a round.
  func compared(with reference: Figure, as name: String) -> Figure {
    let pairs = samples.count == reference.samples.count ? Array(zip(samples, reference.samples)) : []
    let ratios = pairs.isEmpty ? [median / reference.median] : pairs.map { $0 / $1 }
    var copy = self
    copy.ratios.append(Ratio(reference: name, value: middle(of: ratios)))
    return copy
  }
}

/// What a figure should reach.
enum Goal {
  case atMost(Double)
  case atLeast(Double)
  case ratioAtMost(Double, to: String)
  case noFaults

  func isMet(by figure: Figure) -> Bool {
    switch self {
    case .atMost(let limit): figure.median <= limit
    case .atLeast(let limit): figure.median >= limit
    case .ratioAtMost(let limit, let reference):
      figure.ratios.first { $0.reference == reference }.map { $0.value <= limit } ?? false
    case .noFaults: figure.faults == 0
    }
  }

  func text(unit: Figure.Unit) -> String {
    switch self {
    case .atMost(let limit): "<= \(short(limit)) \(unit.rawValue)"
    case .atLeast(let limit): ">= \(short(limit)) \(unit.rawValue)"
    case .ratioAtMost(let limit, let reference): "<= \(short(limit)) x \(reference)"
    case .noFaults: "0 faults"
    }
  }
}

/// Three significant digits, without C's format functions.
func short(_ value: Double) -> String {
  guard value.isFinite else { return "-" }
  let magnitude = abs(value)
  if magnitude >= 100 || magnitude == magnitude.rounded() { return String(Int(value.rounded())) }
  let factor: Double = magnitude >= 10 ? 10 : magnitude >= 1 ? 100 : 10_000
  return String((value * factor).rounded() / factor)
}

/// All figures, as text and as CSV.
struct FigureTable {
  private(set) var figures: [Figure] = []

  mutating func add(_ new: [Figure]) { figures += new }

  private static let columns = ["row", "memory", "median", "min", "unit", "faults/op", "ratio to", "to reach", ""]

  private static func cells(_ figure: Figure) -> [String] {
    [
      figure.row, figure.memory.rawValue, short(figure.median), short(figure.minimum), figure.unit.rawValue,
      figure.faults.map(short) ?? "",
      figure.ratios.map { "\($0.reference) \(short($0.value))" }.joined(separator: ", "),
      figure.goals.map { $0.text(unit: figure.unit) }.joined(separator: ", "),
      figure.goals.isEmpty ? "" : figure.goalsMet ? "met" : "MISSED",
    ]
  }

  /// The lines of a group, with aligned columns.
  static func text(_ figures: [Figure]) -> String {
    let lines = [columns] + figures.map(cells)
    let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    let rows = lines.map { line in
      zip(line, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return (2...3).contains(column) || column == 5 ? padding + cell.0 : cell.0 + padding
      }.joined(separator: "  ")
    }
    return rows.map { trimEnd($0) }.joined(separator: "\n")
  }

  private static func trimEnd(_ line: String) -> String {
    var line = line
    while line.last == " " { line.removeLast() }
    return line
  }

  var csv: String {
    let head = "group,row,memory,median,minimum,unit,faults_per_operation,ratios,goals,met\n"
    return head
      + figures.map { figure in
        var cells = [figure.group] + Self.cells(figure).map { "\"\($0)\"" }
        cells[3] = "\(figure.median)"
        cells[4] = "\(figure.minimum)"
        cells[6] = figure.faults.map { "\($0)" } ?? ""
        return cells.joined(separator: ",") + "\n"
      }.joined()
  }
}
