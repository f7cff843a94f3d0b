// SPDX-License-Identifier: Apache-2.0

extension Int {
  /// The sum of numbers that come from a client or a file; the nearest `Int` if the sum does not fit.
  package static func clampedSum(_ numbers: Int...) -> Int { clampedSum(numbers) }

  // Inlinable, because it takes 400 instructions a number if it is not specialised.
  @inlinable
  package static func clampedSum(_ numbers: some Sequence<Int>) -> Int {
    Int(clamping: numbers.reduce(Int128(0)) { $0 + Int128($1) })
  }
}
