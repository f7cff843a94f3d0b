// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// A metric with its samples, as Prometheus and OpenMetrics know it.
struct MetricFamily {
  enum Kind {
    /// A number that goes up and down.
    case gauge
    /// A total since the process began. Its samples' names end in `_total`.
    case counter
    /// Labels with a value of 1. Its samples' names end in `_info`.
    case info
  }

  /// Without the ending for its kind; with its unit at the end, if it has one.
  let name: String
  let kind: Kind
  /// "bytes" or "seconds"; nil for a plain number.
  let unit: String?
  let help: String
  private(set) var samples: [Sample] = []
  private var places: [[String]: Int] = [:]

  struct Sample {
    let labels: [Label]
    var value: Value
  }

  struct Label {
    let name: String
    let value: String
  }

  enum Value {
    case integer(Int)
    case seconds(Double)
  }

  init(_ name: String, _ kind: Kind = .gauge, unit: String? = nil, help: String) {
    self.name = name + (unit.map { "_\($0)" } ?? "")
    self.kind = kind
    self.unit = unit
    self.help = help
  }

  /// Adds a sample. Two with the same labels would not be valid, so their values are added up: two arenas may have the
  /// same name.
  mutating func add(_ value: Value, _ labels: [Label]) {
    let key = labels.flatMap { [$0.name, $0.value] }
    if let place = places[key] {
      samples[place].value = samples[place].value + value
    } else {
      places[key] = samples.count
      samples.append(Sample(labels: labels, value: value))
    }
  }
}

extension MetricFamily.Value {
  fileprivate static func + (a: Self, b: Self) -> Self {
    switch (a, b) {
    case (.integer(let a), .integer(let b)): .integer(.clampedSum(a, b))
    case (.integer(let a), .seconds(let b)), (.seconds(let b), .integer(let a)): .seconds(Double(a) + b)
    case (.seconds(let a), .seconds(let b)): .seconds(a + b)
    }
  }

  var text: String {
    switch self {
    case .integer(let number): "\(number)"
    case .seconds(let number): "\(number)"
    }
  }
}
