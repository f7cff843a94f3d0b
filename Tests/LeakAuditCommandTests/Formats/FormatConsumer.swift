// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Programs and libraries of others, for which forms of reports are made.
enum FormatConsumer {
  /// The value of a field in what a library understood.
  @dynamicMemberLookup
  struct Value: CustomStringConvertible {
    fileprivate let any: Any?

    subscript(dynamicMember name: String) -> Value { Value(any: (any as? [String: Any])?[name]) }
    subscript(name: String) -> Value { Value(any: (any as? [String: Any])?[name]) }
    subscript(index: Int) -> Value {
      let array = any as? [Any]
      return Value(any: array.flatMap { $0.indices.contains(index) ? $0[index] : nil })
    }

    var array: [Value] { (any as? [Any])?.map(Value.init) ?? [] }
    var text: String { any as? String ?? "" }
    var number: Double? { (any as? NSNumber)?.doubleValue }
    var description: String { any.map { "\($0)" } ?? "nothing" }
  }

  /// Whether Python and the libraries that `read_format.py` uses are here. `.ci/run` installs them.
  static let hasLibraries = hasPython(
    modules: "jsonschema, prometheus_client.openmetrics.parser, sarif_pydantic, junitparser")

  static let promtool = Command.onPath("promtool")

  /// What a library understood of a report.
  static func read(_ form: String, _ report: String) throws -> Value {
    let folder = try ScratchFolder()
    let script = TypeChecker.packageRoot.appendingPathComponent("Tests/FormatConsumers/read_format.py").path
    let file = try folder.write(Array(report.utf8), "report")
    let outcome = try Command.run(try #require(Command.onPath("python3")), [script, form, file])
    try #require(outcome.exitCode == 0, "\(outcome.errors)")
    return Value(any: try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)))
  }

  static func hasPython(modules: String) -> Bool {
    guard let python = Command.onPath("python3") else { return false }
    return (try? Command.run(python, ["-c", "import \(modules)"]).exitCode) == 0
  }
}
