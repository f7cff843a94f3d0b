// SPDX-License-Identifier: Apache-2.0

/// A number of bytes as people write it: `4096`, `10k`, `1.5GiB`.
package enum ByteSize {
  /// k, m, g and t count in 1,024s, and so do KiB, MiB, GiB and TiB; kB, MB, GB and TB count in 1,000s.
  private static func factor(of unit: Substring) -> Int? {
    switch unit.lowercased() {
    case "", "b": 1
    case "k", "kib": 1 << 10
    case "m", "mib": 1 << 20
    case "g", "gib": 1 << 30
    case "t", "tib": 1 << 40
    case "kb": 1_000
    case "mb": 1_000_000
    case "gb": 1_000_000_000
    case "tb": 1_000_000_000_000
    default: nil
    }
  }

  /// The units, for the help of an option.
  package static var help: String {
    "Units: bytes without one; k, m, g and t (also KiB, MiB…) in 1,024s; kB, MB… in 1,000s. For example 4096, 10k or "
      + "1.5GiB."
  }

  /// - Throws: ``ValueRefusal`` if the text is no number with one of the units, or if it has more than `Int.max` bytes.
  package static func parse(_ text: String) throws(ValueRefusal) -> Int {
    let (digits, unit) = text.splitBeforeUnit
    guard let factor = factor(of: unit), let bytes = digits.scaled(by: factor) else {
      throw ValueRefusal("Give a number of bytes that is not negative, such as 4096, 10k, 16MiB or 1.5GiB.")
    }
    return bytes
  }
}

/// Says why a value that a person gave cannot be used, and what can be.
package struct ValueRefusal: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

extension String {
  /// The digits and the decimal point at the beginning, and what follows.
  package var splitBeforeUnit: (digits: Substring, unit: Substring) {
    let digits = prefix { $0.isASCII && $0.isNumber || $0 == "." }
    return (digits, self[digits.endIndex...])
  }
}

extension Substring {
  /// The decimal number times a factor, with what is less than one cut off; nil if this is no number, or the result
  /// is too large for an `Int`.
  package func scaled(by factor: Int) -> Int? {
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
