// SPDX-License-Identifier: Apache-2.0

package import ResourceLedger

/// How much more live memory is too much: a number of bytes, or a part of what there was.
package enum GrowthLimit: Sendable, Equatable {
  case bytes(Int)
  /// Hundredths of a percent.
  case partsPerTenThousand(Int)

  /// Reads "10m", "1GiB", "5%" or "0.5%".
  /// - Throws: ``ValueRefusal``.
  package static func parse(_ text: String) throws(ValueRefusal) -> GrowthLimit {
    if text.hasSuffix("%"), text.splitBeforeUnit.unit == "%", let parts = text.splitBeforeUnit.digits.scaled(by: 100) {
      return .partsPerTenThousand(parts)
    }
    guard let bytes = try? ByteSize.parse(text) else {
      throw ValueRefusal(
        "Give a number of bytes that is not negative, such as 4096, 10k or 1.5GiB, or a percentage, such as 5%.")
    }
    return .bytes(bytes)
  }

  /// Whether live bytes grew by more than the limit.
  package func isExceeded(from old: Int, to new: Int) -> Bool {
    let growth = Int128(new) - Int128(old)
    switch self {
    case .bytes(let limit): return growth > Int128(limit)
    case .partsPerTenThousand(let parts): return growth * 10_000 > Int128(old) * Int128(parts)
    }
  }

  package func text(_ units: ByteText) -> String {
    switch self {
    case .bytes(let count): return units.phrase(count)
    case .partsPerTenThousand(let parts):
      let fraction = parts % 100
      guard fraction > 0 else { return "\(parts / 100) %" }
      return fraction % 10 == 0
        ? "\(parts / 100).\(fraction / 10) %" : "\(parts / 100).\(fraction < 10 ? "0" : "")\(fraction) %"
    }
  }
}
