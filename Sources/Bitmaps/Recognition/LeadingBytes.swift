// SPDX-License-Identifier: Apache-2.0

/// The first bytes of a file, and what they say about its format while more bytes may follow.
struct LeadingBytes: ~Escapable {
  /// Whether bytes match what is expected of them.
  enum Match {
    case yes, no
    /// The bytes that are there match, but there are too few to decide.
    case open

    static func && (left: Match, right: @autoclosure () -> Match) -> Match {
      if left == .no { return .no }
      let right = right()
      return right == .yes ? left : right
    }
  }

  let reader: BoundedReader

  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) { reader = BoundedReader(bytes: bytes) }

  var byteCount: Int { reader.count }

  func starts(with text: String) -> Match { has(text, at: 0) }

  func starts(with bytes: [UInt8]) -> Match { has(bytes, at: 0) }

  func has(_ text: String, at offset: Int) -> Match { has(text.utf8, at: offset) }

  func has(_ bytes: [UInt8], at offset: Int) -> Match { has(bytes[...], at: offset) }

  private func has(_ bytes: some Sequence<UInt8>, at offset: Int) -> Match {
    var position = offset
    for expected in bytes {
      guard let byte = reader.byte(at: position) else { return .open }
      if byte != expected { return .no }
      position += 1
    }
    return .yes
  }

  func has(anyOf values: some Sequence<UInt8>, at offset: Int) -> Match {
    guard let byte = reader.byte(at: offset) else { return .open }
    return values.contains(byte) ? .yes : .no
  }

  /// Whether the file's first box lists this brand among those that follow the major brand and its version.
  func hasCompatibleBrand(_ brand: String) -> Match {
    guard let size = reader.integer(at: 0, byteCount: 4) else { return .open }
    for position in stride(from: 16, to: min(size, PictureFormat.signatureByteCount) - 3, by: 4) {
      let match = has(brand, at: position)
      if match != .no { return match }
    }
    return .no
  }

  /// Whether the first directory of a TIFF has an entry with this tag, as far as it lies within the bytes looked at.
  func hasEntry(withTag tag: Int, isLittle: Bool) -> Match {
    guard let start = reader.integer(at: 4, byteCount: 4, isLittle: isLittle) else { return .open }
    guard start < PictureFormat.signatureByteCount else { return .no }
    guard let count = reader.integer(at: start, byteCount: 2, isLittle: isLittle) else { return .open }
    for index in 0..<count {
      let position = start + 2 + index * 12
      guard position < PictureFormat.signatureByteCount else { return .no }
      guard let found = reader.integer(at: position, byteCount: 2, isLittle: isLittle) else { return .open }
      if found == tag { return .yes }
    }
    return .no
  }
}
