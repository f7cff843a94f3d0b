// SPDX-License-Identifier: Apache-2.0

/// Reads bytes that can be wrong or hostile, one after another; nil behind the last.
// SAFETY: every read checks `position` first; the value is used only inside the closure that lent the bytes.
@safe
struct NetpbmReader {
  private let bytes: UnsafeRawBufferPointer
  private let deadline: WorkDeadline
  /// How many bytes there are between two questions while nothing else is done: in white space, comments and zeros.
  private let interval = max(1, WorkPace.interval >> 6)
  private var position: Int
  private var nextQuestion: Int

  init(bytes: UnsafeRawBufferPointer, at position: Int, deadline: WorkDeadline) {
    unsafe self.bytes = unsafe bytes
    self.deadline = deadline
    self.position = position
    nextQuestion = position + interval
  }

  mutating func next() -> UInt8? {
    guard position < count else { return nil }
    defer { position += 1 }
    return unsafe bytes[position]
  }

  private mutating func pause() throws(BitmapError) {
    guard position >= nextQuestion else { return }
    nextQuestion = position + interval
    try deadline.check()
  }

  private var count: Int { unsafe bytes.count }

  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  /// Takes the next byte that is neither white space nor in a comment; nil at the end.
  mutating func nextOfToken() throws(BitmapError) -> UInt8? {
    while let byte = next() {
      try pause()
      if byte == UInt8(ascii: "#") {
        while let byte = next(), byte != 0x0A, byte != 0x0D { try pause() }
      } else if !Self.isSpace(byte) {
        return byte
      }
    }
    return nil
  }

  /// Takes a decimal number below 2^31. The byte behind it is not taken.
  mutating func number(_ name: String) throws(BitmapError) -> Int {
    guard let first = try nextOfToken() else { throw .netpbm(.truncated, "it ends before a \(name)") }
    position -= 1
    guard (0x30...0x39).contains(first) else { throw .netpbm(.corrupt, "a \(name) is no number") }
    var value = 0
    while position < count {
      let byte = unsafe bytes[position]
      guard (0x30...0x39).contains(byte) else { break }
      value = value * 10 + Int(byte) - 0x30
      guard value < 1 << 31 else { throw .netpbm(.corrupt, "a \(name) is 2147483648 or more") }
      position += 1
      try pause()
    }
    return value
  }
}
