// SPDX-License-Identifier: Apache-2.0

extension Int {
  /// With a comma between groups of three digits: 33,177,600.
  package var grouped: String {
    let digits = String(magnitude)
    var text = ""
    for (position, digit) in digits.enumerated() {
      if position > 0, (digits.count - position) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return self < 0 ? "-" + text : text
  }
}
