// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import FinalizationWorkloads
import Glibc
import NativeBuffers

/// Runs one hot path a given number of times, and nothing else, so that its instructions can be counted.
@main
struct Main {
  static func main() throws {
    let arguments = CommandLine.arguments.dropFirst()
    if arguments.first == "--list" {
      for name in HotPaths.names + FinalizationHotPaths.names { print(name) }
      return
    }
    guard arguments.count == 2, let name = arguments.first, let times = arguments.last.flatMap({ Int($0) }), times >= 0,
      let workload = try HotPaths.workload(named: name) ?? FinalizationHotPaths.workload(named: name)
    else {
      print("usage: hot-paths --list | hot-paths NAME TIMES")
      exit(64)
    }
    // Its instructions would be counted, too, and depend on how long the run takes.
    MaintenanceThread.turnOff()
    try workload.run(times)
  }
}
