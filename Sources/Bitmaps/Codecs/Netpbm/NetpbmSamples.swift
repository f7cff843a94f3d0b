// SPDX-License-Identifier: Apache-2.0

/// The samples behind a header, one after another.
struct NetpbmSamples {
  private let header: NetpbmHeader
  private var reader: NetpbmReader
  private var bits: UInt8 = 0
  private var bitsLeft = 0

  init(_ header: NetpbmHeader, _ bytes: UnsafeRawBufferPointer, _ watch: WorkDeadline) {
    self.header = header
    reader = unsafe NetpbmReader(bytes: bytes, at: header.offset, watch: watch)
  }

  /// Rows of binary bitmaps start at a byte.
  mutating func startRow() { bitsLeft = 0 }

  mutating func nextWide() throws(BitmapError) -> UInt16 {
    UInt16(truncatingIfNeeded: try next(scaledTo: 65_535))
  }

  /// Rounded to the nearest.
  mutating func next(scaledTo full: Int) throws(BitmapError) -> Int {
    let sample = try next()
    guard sample <= header.maximum else {
      throw .netpbm(.corrupt, "a sample is \(sample), and the maximum \(header.maximum)")
    }
    return header.maximum == full ? sample : (sample * full * 2 + header.maximum) / (2 * header.maximum)
  }

  private mutating func next() throws(BitmapError) -> Int {
    switch header.kind {
    case 1:
      guard let byte = try reader.nextOfToken() else { throw Self.end }
      guard byte == UInt8(ascii: "0") || byte == UInt8(ascii: "1") else {
        throw .netpbm(.corrupt, "a pixel is neither 0 nor 1")
      }
      return byte == UInt8(ascii: "0") ? 1 : 0  // 1 is black
    case 2, 3: return try reader.number("sample")
    case 4:
      if bitsLeft == 0 {
        bits = try byte()
        bitsLeft = 8
      }
      bitsLeft -= 1
      return Int(~bits >> UInt8(bitsLeft) & 1)
    default:
      let first = Int(try byte())
      return header.bytesPerSample == 1 ? first : first << 8 | Int(try byte())
    }
  }

  private mutating func byte() throws(BitmapError) -> UInt8 {
    guard let byte = reader.next() else { throw Self.end }
    return byte
  }

  private static var end: BitmapError { .netpbm(.truncated, "a sample is missing") }
}
