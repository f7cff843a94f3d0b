// SPDX-License-Identifier: Apache-2.0

/// The name of a chunk of a PNG or WebP, as a number whose most significant byte is the first letter.
enum ChunkName {
  /// The name as text. Each byte that is not a letter, a digit or a space becomes a question mark.
  static func text(_ name: Int) -> String {
    let letters = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: name >> $0) }
    let isPlain: (UInt8) -> Bool = {
      $0 == 0x20 || UnicodeScalar($0).properties.isAlphabetic && $0 < 0x80 || (0x30...0x39).contains($0)
    }
    return String(decoding: letters.map { isPlain($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }
}
