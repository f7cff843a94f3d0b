// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The text broken at spaces into lines of at most `width` columns, each with the same indent. A word that is longer
  /// than that has a line of its own.
  /// - Parameter width: nil for one line.
  func wrapped(to width: Int?, indent: Int) -> [String] {
    let margin = String(repeating: " ", count: indent)
    guard let width else { return [margin + self] }
    var lines: [String] = []
    var line = ""
    for word in split(separator: " ") {
      if !line.isEmpty, indent + line.count + 1 + word.count > max(width, indent + 20) {
        lines.append(margin + line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return lines + [margin + line]
  }
}
