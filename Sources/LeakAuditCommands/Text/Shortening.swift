// SPDX-License-Identifier: Apache-2.0

extension String {
  /// The text in at most `width` columns. A longer one loses its middle, because both the beginning and the end of a
  /// name say more than its middle: `makeThumbnail…maximumWidth:)`.
  package func shortened(to width: Int) -> String {
    guard count > width else { return self }
    guard width > 1 else { return width == 1 ? "…" : "" }
    let kept = width - 1
    let head = (kept + 1) / 2
    return "\(prefix(head))…\(suffix(kept - head))"
  }

  /// The first of these texts that has room in `width` columns; the last one shortened if none has.
  static func first(of texts: [String], atMost width: Int) -> String {
    texts.first { $0.count <= width } ?? (texts.last ?? "").shortened(to: width)
  }

  /// The text with spaces behind it, at least `width` columns.
  package func paddedRight(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  /// The text with spaces before it, at least `width` columns.
  package func paddedLeft(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
