// SPDX-License-Identifier: Apache-2.0

/// An age in seconds as people write it: `90s`, `10m`, `1h30m`, `2d`.
package enum Age {
  private static var units: [(name: Character, seconds: Int)] { [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)] }

  /// The units, for the help of an option.
  package static var help: String { "Units: s, m, h and d, for example 90s, 10m, 1h30m or 2d." }

  /// - Throws: ``ValueRefusal`` if the text is no whole numbers with the units d, h, m and s, each at most once and the
  ///   largest first. A number without a unit is refused, because it may be meant in seconds or in minutes.
  package static func parse(_ text: String) throws(ValueRefusal) -> Int {
    let refusal = ValueRefusal("Give an age, such as 90s, 10m, 1h30m or 2d.")
    var total = 0
    var rest = text[...]
    var remainingUnits = units[...]
    repeat {
      let digits = rest.prefix { $0.isASCII && $0.isNumber }
      guard !digits.isEmpty else { throw refusal }
      guard let unit = rest.dropFirst(digits.count).first else {
        throw ValueRefusal("\(digits) has no unit: write \(digits)s, \(digits)m, \(digits)h or \(digits)d.")
      }
      guard let place = remainingUnits.firstIndex(where: { $0.name == unit }),
        let part = digits.scaled(by: remainingUnits[place].seconds), case let sum = total.addingReportingOverflow(part),
        !sum.overflow
      else { throw refusal }
      total = sum.partialValue
      remainingUnits = remainingUnits[(place + 1)...]
      rest = rest.dropFirst(digits.count + 1)
    } while !rest.isEmpty
    return total
  }

  /// Seconds in at most two units: "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h".
  package static func text(seconds: Int) -> String {
    let seconds = max(0, seconds)
    switch seconds {
    case ..<60: return "\(seconds) s"
    case ..<3_600: return pair(seconds / 60, "min", seconds % 60, "s")
    case ..<86_400: return pair(seconds / 3_600, "h", seconds / 60 % 60, "min")
    default: return pair(seconds / 86_400, "d", seconds / 3_600 % 24, "h")
    }
  }

  private static func pair(_ large: Int, _ largeUnit: String, _ small: Int, _ smallUnit: String) -> String {
    small == 0 ? "\(large) \(largeUnit)" : "\(large) \(largeUnit) \(small) \(smallUnit)"
  }
}
