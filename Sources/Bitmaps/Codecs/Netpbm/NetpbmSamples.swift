// SPDX-License-Identifier: Apache-2.0

/// The samples behind a header, one after another.
struct NetpbmSamples {
  private let header: NetpbmHeader
  private var reader: NetpbmReader
  private var bits: UInt8 = 0
  private var bitsLeft = 0

  init(_ header: NetpbmHeader, _ bytes: UnsafeRawBufferPointer, _ deadline: WorkDeadline) {
    self.header = header
    reader = unsafe NetpbmReader(bytes: bytes, at: header.offset, deadline: deadline)
  }

  /// Fills a row with samples of 8 bits, as many as the header says.
  mutating func readRow(into row: UnsafeMutablePointer<UInt8>) throws(BitmapError) {
    startRow()
    for i in 0..<header.width * header.channels {
      // SAFETY: the row has this many bytes, because bitmap and header have the same format.
      unsafe row[i] = UInt8(truncatingIfNeeded: try next(scaledTo: 255))
    }
  }

  /// Fills a row with pixels of 16 bits a channel: gray, or RGB and alpha.
  mutating func readWideRow(into row: UnsafeMutableRawPointer) throws(BitmapError) {
    startRow()
    // SAFETY: rows of 16-bit formats are aligned, and hold 1 number a pixel if it is gray, otherwise 4.
    let target = unsafe row.assumingMemoryBound(to: UInt16.self)
    for x in 0..<header.width {
      var pixel: (UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 65_535)
      pixel.0 = try nextWide()
      if header.channels == 1 {
        unsafe target[x] = pixel.0
        continue
      }
      if header.channels >= 3 {
        pixel.1 = try nextWide()
        pixel.2 = try nextWide()
      } else {
        (pixel.1, pixel.2) = (pixel.0, pixel.0)
      }
      if header.channels != 3 { pixel.3 = try nextWide() }
      unsafe (target[4 * x], target[4 * x + 1]) = (pixel.0, pixel.1)
      unsafe (target[4 * x + 2], target[4 * x + 3]) = (pixel.2, pixel.3)
    }
  }

  /// Rows of binary bitmaps start at a byte.
  private mutating func startRow() { bitsLeft = 0 }

  private mutating func nextWide() throws(BitmapError) -> UInt16 {
    UInt16(truncatingIfNeeded: try next(scaledTo: 65_535))
  }

  /// Rounded to the nearest.
  private mutating func next(scaledTo full: Int) throws(BitmapError) -> Int {
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
