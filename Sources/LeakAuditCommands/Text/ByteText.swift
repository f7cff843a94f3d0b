// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// How numbers of bytes are printed.
package enum ByteText: String, CaseIterable, Sendable {
  /// Exact, with commas: 33,177,600.
  case bytes
  /// Three digits and a unit of 1,024s: 31.6 MiB.
  case auto

  package func text(_ count: Int) -> String {
    switch self {
    case .bytes: count.grouped
    case .auto: Self.rounded(count)
    }
  }

  /// The same with the word "bytes" behind a number that has no unit of its own.
  package func phrase(_ count: Int) -> String {
    let text = text(count)
    return text.last?.isNumber == true ? "\(text) \(count == 1 ? "byte" : "bytes")" : text
  }

  /// With a sign, for differences: +31.6 MiB.
  package func signed(_ count: Int) -> String { count > 0 ? "+\(text(count))" : text(count) }

  private static func rounded(_ count: Int) -> String {
    let magnitude = count.magnitude
    guard magnitude >= 1_024 else { return "\(count)" }
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var unit = 0
    // The unit's bytes. The next unit is taken if rounding to three digits would give 1,000 or more.
    var size = UInt(1_024)
    while unit + 1 < units.count, magnitude >= size * 1_000 - size / 2 {
      unit += 1
      size <<= 10
    }
    let sign = count < 0 ? "-" : ""
    // Tenths and hundredths by whole numbers, so that each number is rounded in the same way on every machine.
    for (limit, scale) in [(UInt(10), UInt(100)), (100, 10)] {
      let scaled = rounded(magnitude, times: scale, over: size)
      guard scaled < limit * scale else { continue }
      let fraction = "\(scaled % scale)"
      let zeros = String(repeating: "0", count: "\(scale)".count - 1 - fraction.count)
      return "\(sign)\(scaled / scale).\(zeros)\(fraction) \(units[unit])"
    }
    return "\(sign)\(rounded(magnitude, times: 1, over: size)) \(units[unit])"
  }

  private static func rounded(_ value: UInt, times scale: UInt, over size: UInt) -> UInt {
    UInt(clamping: (UInt128(value) * UInt128(scale) + UInt128(size / 2)) / UInt128(size))
  }
}
