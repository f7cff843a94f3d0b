// SPDX-License-Identifier: Apache-2.0

import CommandOutput
/// A line on the terminal that is overwritten again and again.
struct ProgressLine: Sendable {
  let total: Int
  private let isShown = StandardError.isTerminal

  init(total: Int) { self.total = total }

  func show(_ done: Int, _ name: String) {
    guard isShown else { return }
    StandardError.write("\r\u{1B}[K[\(done)/\(total)] \(name.prefix(60))")
  }

  /// Removes the line, so that the next output starts on an empty line.
  func clear() {
    guard isShown else { return }
    StandardError.write("\r\u{1B}[K")
  }
}
