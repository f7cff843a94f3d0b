// SPDX-License-Identifier: Apache-2.0

package import ResourceLedger

extension Site {
  /// File and line: the place to which a person goes.
  package var place: String { "\(file):\(line)" }

  /// The line of code in `width` columns, if file and line have room there. They stay whole, because they alone lead to
  /// the place; the function is shortened, or left out.
  /// - Parameter width: nil for any width.
  package func text(width: Int? = nil) -> String {
    guard let width, description.count > width else { return description }
    let before = place + " in "
    // A function of fewer than 8 columns says nothing.
    let room = width - before.count
    return room >= 8 ? before + function.shortened(to: room) : place
  }

  /// The line of code in at most `width` columns, for a screen that has no more. The path loses its first folders
  /// before the name of the file is shortened.
  package func text(atMost width: Int) -> String {
    var text = text(width: width)
    while text.count > width, let slash = text.dropFirst(2).firstIndex(of: "/") { text = "…" + text[slash...] }
    guard text.count > width else { return text }
    // Without "…/", the name may have room.
    return (text.hasPrefix("…/") ? String(text.dropFirst(2)) : text).shortened(to: width)
  }

  /// The line of code between two texts, in lines of at most `width` columns. If one line is too short, the second text
  /// has its own, and then the place has. A place that is longer than `width` is in a line alone.
  /// - Parameters:
  ///   - head: begins with the spaces by which the line is indented.
  ///   - tail: what is said about the line, without a comma before it; may be empty.
  func lines(after head: String, before tail: String, width: Int?) -> [String] {
    let ending = tail.isEmpty ? "" : ", " + tail
    guard let width, head.count + description.count + ending.count > width else { return [head + description + ending] }
    if head.count + place.count + ending.count <= width {
      return [head + text(width: width - head.count - ending.count) + ending]
    }
    let indent = head.prefix { $0 == " " }.count + 2
    let rest = tail.isEmpty ? [] : tail.wrapped(to: width, indent: indent)
    if head.count + place.count <= width { return [head + text(width: width - head.count)] + rest }
    return [head.trimmingTrailingSpaces, ownLine(indent: indent, width: width)] + rest
  }

  /// The line of code in a line of its own, indented as far as there is room for that.
  func ownLine(indent: Int, width: Int) -> String {
    let indent = max(0, min(indent, width - place.count))
    return String(repeating: " ", count: indent) + text(width: width - indent)
  }
}
