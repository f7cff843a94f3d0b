// SPDX-License-Identifier: Apache-2.0

/// The two forms in which Prometheus reads metrics.
enum MetricText: Sendable {
  /// OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/
  case openMetrics
  /// The text format of Prometheus, version 0.0.4, which node_exporter's textfile collector and
  /// `promtool check metrics` read: https://prometheus.io/docs/instrumenting/exposition_formats/
  case prometheus

  /// What an HTTP answer says of its body.
  var contentType: String {
    switch self {
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
    }
  }

  /// The families that have samples.
  func text(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families where !family.samples.isEmpty {
      let name = self == .openMetrics ? family.name : family.name + family.ending
      text += "# HELP \(name) \(Self.escaped(family.help, quotes: self == .openMetrics))\n"
      text += "# TYPE \(name) \(typeName(of: family.kind))\n"
      if self == .openMetrics, let unit = family.unit { text += "# UNIT \(name) \(unit)\n" }
      for sample in family.samples {
        let labels = sample.labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }
        text += family.name + family.ending
        if !labels.isEmpty { text += "{\(labels.joined(separator: ","))}" }
        text += " \(sample.value.text)\n"
      }
    }
    return self == .openMetrics ? text + "# EOF\n" : text
  }

  /// Prometheus' own format knows no info, and a gauge is what stands for one there.
  private func typeName(of kind: MetricFamily.Kind) -> String {
    switch kind {
    case .gauge: "gauge"
    case .counter: "counter"
    case .info: self == .openMetrics ? "info" : "gauge"
    }
  }

  private static func escaped(_ text: String, quotes: Bool) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": escaped += "\\\\"
      case "\n": escaped += "\\n"
      case "\"" where quotes: escaped += "\\\""
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension MetricFamily {
  /// What the names of samples have at their end.
  fileprivate var ending: String {
    switch kind {
    case .gauge: ""
    case .counter: "_total"
    case .info: "_info"
    }
  }
}
