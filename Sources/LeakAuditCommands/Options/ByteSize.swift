// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people write it: `4096`, `10k`, `1.5GiB`.
package enum ByteSize {
  /// k, m, g and t count in 1,024s, and so do KiB, MiB, GiB and TiB; kB, MB, GB and TB count in 1,000s.
  private static let units: [String: Int] = [
    "": 1, "b": 1,
    "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40,
    "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
    "kb": 1_000, "mb": 1_000_000, "gb": 1_000_000_000, "tb": 1_000_000_000_000,
  ]

  /// The units, for the help of an option.
  static var help: String {
    "Units: bytes without one; k, m, g and t (also KiB, MiB…) in 1,024s; kB, MB… in 1,000s. For example 4096, 10k or "
      + "1.5GiB."
  }

  /// - Throws: ``ValueRefusal`` if the text is no number with one of the units, or if it has more than `Int.max` bytes.
  package static func parse(_ text: String) throws(ValueRefusal) -> Int {
    let (digits, unit) = text.splitBeforeUnit
    guard let factor = units[unit.lowercased()], let bytes = digits.scaled(by: factor) else {
      throw ValueRefusal("Give a number of bytes that is not negative, such as 4096, 10k, 16MiB or 1.5GiB.")
    }
    return bytes
  }
}

/// Says why a value on the command line cannot be used, and what can be.
package struct ValueRefusal: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

extension String {
  /// The digits and the decimal point at the beginning, and what follows.
  var splitBeforeUnit: (digits: Substring, unit: Substring) {
    let digits = prefix { $0.isASCII && $0.isNumber || $0 == "." }
    return (digits, self[digits.endIndex...])
  }
}

extension Substring {
  /// The decimal number times a factor, with what is less than one cut off; nil if this is no number, or the result
  /// is too large for an `Int`.
  func scaled(by factor: Int) -> Int? {
    let parts = split(separator: ".", omittingEmptySubsequences: false)
    // 18 digits after the point are enough for every unit, and an Int128 has room for them times a terabyte.
    guard parts.count <= 2, let first = parts.first, let whole = Int128(first), whole <= Int128(Int.max) else {
      return nil
    }
    var product = whole * Int128(factor)
    if parts.count == 2 {
      guard parts[1].count <= 18, let fraction = Int128(parts[1]) else { return nil }
      var scale = Int128(1)
      for _ in parts[1] { scale *= 10 }
      product += fraction * Int128(factor) / scale
    }
    return Int(exactly: product)
  }
}
