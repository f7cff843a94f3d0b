// SPDX-License-Identifier: Apache-2.0

import Foundation

/// What the kernel says about this process's threads.
enum ThreadStatus {
  /// The status lines of the maintenance thread; nil if there is no such thread.
  static func ofMaintenance() -> [String: String]? {
    let folder = "/proc/self/task"
    for task in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let text = try? String(contentsOfFile: "\(folder)/\(task)/status", encoding: .utf8) else { continue }
      var lines: [String: String] = [:]
      for line in text.split(separator: "\n") {
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2 { lines[String(parts[0])] = parts[1].trimmingCharacters(in: .whitespaces) }
      }
      if lines["Name"] == "native-buffers" { return lines }
    }
    return nil
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
