// SPDX-License-Identifier: Apache-2.0

/// Chooses what else is done with an input, for example the format to which it is decoded. The choices depend only on
/// the input's bytes, so that an input that crashed crashes again.
struct InputChoices: RandomNumberGenerator {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  /// The start value for SplitMix64 is the FNV-1a hash of the bytes.
  init(of bytes: RawSpan) {
    for offset in 0..<bytes.byteCount {
      state ^= unsafe UInt64(bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
      state &*= 0x100_0000_01B3
    }
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func bool() -> Bool { Bool.random(using: &self) }

  mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func element<T>(of array: [T]) -> T { array[number(0...array.count - 1)] }
}
