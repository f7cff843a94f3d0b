extension Int {
  /// The sum of numbers that a client or a file gave, or the `Int` that is nearest to it.
  package static func clampedSum(_ numbers: Int...) -> Int { clampedSum(numbers) }

  // Inlinable: not specialised, it takes 400 instructions a number.
  @inlinable
  package static func clampedSum(_ numbers: some Sequence<Int>) -> Int {
    Int(clamping: numbers.reduce(Int128(0)) { $0 + Int128($1) })
  }
}
