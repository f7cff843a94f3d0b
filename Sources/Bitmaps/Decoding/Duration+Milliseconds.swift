// SPDX-License-Identifier: Apache-2.0

extension Duration {
  /// Rounded down. Saturates.
  var wholeMilliseconds: Int {
    // One second less than `Int` holds in milliseconds, and far less than `components` holds.
    let limit = Duration.seconds(Int.max / 1_000 - 1)
    guard self < limit else { return .max }
    guard self > .zero - limit else { return .min }
    let (seconds, attoseconds) = components
    return Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
  }
}
