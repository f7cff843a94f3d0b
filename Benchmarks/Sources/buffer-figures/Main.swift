// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import Glibc

/// Measures several workloads in one process, and prints the figures: medians of samples that are taken in turn.
@main
struct Main {
  private typealias Group = (name: String, about: String, isDefault: Bool, run: @Sendable (Effort) throws -> [Figure])

  private static let groups: [Group] = [
    ("create", "create + dispose, untouched, 64 B to 64 MiB", true, CreateFigures.untouched),
    ("touched", "create + one byte written per page + dispose", true, CreateFigures.touched),
    ("access", "pins and closures", true, CreateFigures.access),
    ("threads", "two threads against one", true, ThreadFigures.twoThreads),
    ("queue", "a thread creates, another disposes", true, ThreadFigures.queue),
    ("audit", "an audit of a million live buffers; what the books weigh", true, BookFigures.audit),
    ("first-touch", "the first use of the ledger's memory", true, LedgerFigures.firstTouch),
    ("audited", "the hot path's percentiles, with and without audits", true, LatencyFigures.besideAudits),
    ("dispose", "percentiles of a million disposes of 33177600 B", true, LatencyFigures.dispose),
    ("finalization", "registrations, deaths, sweeps, native resources, cache hits", true, FinalizationFigures.all),
    ("huge", "huge pages against small ones, warm and fresh", false, CreateFigures.hugePages),
    ("burst", "resident set after 100 frames of 33177600 B, twice (35 s)", false, BookFigures.burst),
  ]

  static func main() throws {
    let request = Request(Array(CommandLine.arguments.dropFirst()), groups: groups.map(\.name))
    if request.wantsHelp {
      print("usage: buffer-figures [--csv FILE] [--samples N] [--size BYTES]... [GROUP]...\n\nGroups:")
      for group in groups { print("  \(group.name)\(group.isDefault ? "" : " (only by name)"): \(group.about)") }
      return
    }
    Memory.checkProcessMalloc()
    var table = FigureTable()
    for group in groups where request.includes(group.name, isDefault: group.isDefault) {
      print("\(group.name): \(group.about)")
      let figures = try group.run(request.effort)
      print(FigureTable.text(figures), terminator: "\n\n")
      fflush(nil)
      table.add(figures)
    }
    if let path = request.csvPath { try write(table.csv, to: path) }
    let missed = table.figures.filter { !$0.goalsMet }.count
    print("\(table.figures.filter { !$0.goals.isEmpty }.count - missed) goals met, \(missed) missed")
  }

  private static func write(_ text: String, to path: String) throws {
    guard let file = unsafe fopen(path, "w") else { fail("\(path) cannot be written: errno \(errno)") }
    unsafe fputs(text, file)
    unsafe fclose(file)
  }
}

/// Ends the program with a message for its user.
func fail(_ message: String) -> Never {
  let line = Array("buffer-figures: \(message)\n".utf8)
  _ = unsafe write(STDERR_FILENO, line, line.count)
  exit(64)
}

/// The arguments of the command line.
private struct Request {
  var effort = Effort()
  var csvPath: String?
  var wantsHelp = false
  private var chosen: Set<String> = []

  init(_ arguments: [String], groups: [String]) {
    var rest = arguments[...]
    func value(of option: String) -> String {
      guard let value = rest.popFirst() else { fail("\(option) needs a value") }
      return value
    }
    func number(of option: String) -> Int {
      let text = value(of: option)
      guard let number = Int(text), number > 0 else { fail("\(option) needs a positive number, not \(text)") }
      return number
    }
    while let argument = rest.popFirst() {
      switch argument {
      case "--csv": csvPath = value(of: argument)
      case "--samples": effort.samples = number(of: argument)
      case "--size": effort.sizes = (effort.sizes ?? []).union([number(of: argument)])
      case "--help", "-h", "--list": wantsHelp = true
      default:
        guard groups.contains(argument) else { fail("no group is named \(argument); --list names them") }
        chosen.insert(argument)
      }
    }
  }

  func includes(_ group: String, isDefault: Bool) -> Bool {
    chosen.isEmpty ? isDefault : chosen.contains(group)
  }
}
