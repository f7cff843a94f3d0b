// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import ResourceLedger
import TestSupport
import Testing

/// What the built `leak-audit report` says of a process or file.
struct OutsideReport: Decodable {
  struct Amount: Decodable, Equatable {
    var count: Int
    var byteCount: Int
  }

  private struct Document: Decodable {
    var report: OutsideReport
  }

  var live: Amount
  var isRunning: Bool?

  /// - Parameters:
  ///   - wrapper: a command that starts the command which follows it.
  ///   - command: the path of `leak-audit`.
  init(_ target: String, under wrapper: [String] = [], command: String = Command.path("leak-audit")) throws {
    let outcome = try Self.run([target, "--format", "json"], under: wrapper, command: command)
    try #require(outcome.exitCode == 0, "\(outcome.errors)\(outcome.output)")
    self = try JSONDecoder().decode(Document.self, from: Data(outcome.output.utf8)).report
  }

  init(_ process: Int) throws { try self.init("\(process)") }

  static func run(
    _ arguments: [String], under wrapper: [String] = [], command: String = Command.path("leak-audit")
  ) throws -> Command.Outcome {
    let words = wrapper + [command, "report"] + arguments
    return try Command.run(words[0], Array(words.dropFirst()))
  }

  /// Expects that the report is refused with exit code 2, and that the message has these texts.
  static func expectRefusal(
    _ target: String, under wrapper: [String] = [], command: String = Command.path("leak-audit"), _ texts: String...,
    location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run([target], under: wrapper, command: command)
    #expect(outcome.exitCode == 2, "\(outcome.output)", sourceLocation: location)
    for text in texts { #expect(outcome.errors.contains(text), "\(outcome.errors)", sourceLocation: location) }
  }
}

/// The processes that the built `leak-audit list` shows, and how many resources each has.
func listedProcesses(_ arguments: [String] = [], under wrapper: [String] = [], command: String? = nil) throws
  -> [Int: Int]
{
  struct Row: Decodable {
    var pid: Int
    var liveCount: Int
  }
  let words = wrapper + [command ?? Command.path("leak-audit"), "list", "--format", "json"] + arguments
  let outcome = try Command.run(words[0], Array(words.dropFirst()))
  let rows = try JSONDecoder().decode([Row].self, from: Data(outcome.output.utf8))
  return Dictionary(uniqueKeysWithValues: rows.map { ($0.pid, $0.liveCount) })
}

extension LedgerSnapshot {
  /// What is live of each line of a file.
  func live(in file: String) -> [Int: OutsideReport.Amount] {
    var lines: [Int: OutsideReport.Amount] = [:]
    for sum in sums where sum.use.isHeld && sites[sum.site].site.file == file {
      lines[sites[sum.site].site.line, default: .init(count: 0, byteCount: 0)].count += sum.count
      lines[sites[sum.site].site.line]?.byteCount += sum.byteCount
    }
    return lines
  }

  /// Lives of buffers that ended.
  var endedCount: Int { domains.filter { $0.kind == .arena }.reduce(0) { $0 + $1.endedCount } }
}
