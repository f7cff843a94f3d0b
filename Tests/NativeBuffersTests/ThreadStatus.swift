// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the kernel says about this process's threads.
enum ThreadStatus {
  /// The status lines of the maintenance thread; nil if there is no such thread.
  static func ofMaintenance() -> [String: String]? {
    for task in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? [] {
      let lines = of(pid_t(task) ?? 0)
      if lines["Name"] == "native-buffers" { return lines }
    }
    return nil
  }

  /// The number of the calling thread; 0 if the kernel does not say it.
  static var ownID: pid_t {
    // PROCESS/task/THREAD
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")) ?? ""
    return path.split(separator: "/").last.flatMap { pid_t($0) } ?? 0
  }

  /// The status lines of a thread; none if there is no such thread.
  static func of(_ thread: pid_t) -> [String: String] {
    var lines: [String: String] = [:]
    let text = (try? String(contentsOfFile: "/proc/self/task/\(thread)/status", encoding: .utf8)) ?? ""
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { lines[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces) }
    }
    return lines
  }

  /// Waits for a condition. Ends the process if the condition does not come true within half a minute.
  static func wait(_ what: String, until condition: () -> Bool) {
    for _ in 0..<3_000 {
      if condition() { return }
      usleep(10_000)
    }
    fatalError("waited in vain: \(what)")
  }
}
