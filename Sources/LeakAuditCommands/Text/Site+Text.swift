// SPDX-License-Identifier: Apache-2.0

package import ResourceLedger

extension Site {
  /// The line of code in at most `width` columns: the function is shortened first, because file and line alone lead to
  /// the place.
  /// - Parameter width: nil for any width.
  package func text(width: Int? = nil) -> String {
    guard let width, description.count > width else { return description }
    let place = "\(file):\(line)"
    let between = " in "
    // A function of fewer than 8 columns says nothing.
    let room = width - place.count - between.count
    return room >= 8 ? place + between + function.shortened(to: room) : place.shortened(to: width)
  }
}
