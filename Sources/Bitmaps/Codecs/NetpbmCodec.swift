// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

/// Decodes Netpbm without a library: it takes a few lines for each variant, and is the simplest format for tests and
/// pipes.
enum NetpbmCodec {
  /// Throws if the file has fewer bytes than its samples take. Call it before memory is taken for the samples.
  static func checkByteCount(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline
  ) throws(BitmapError) {
    try unsafe checkByteCount(bytes, NetpbmHeader(bytes, limits: limits, watch: watch))
  }

  private static func checkByteCount(_ bytes: UnsafeRawBufferPointer, _ header: NetpbmHeader) throws(BitmapError) {
    guard bytes.count - header.offset >= header.sampleByteCount else {
      throw .netpbm(
        .truncated,
        "\(header.sampleByteCount) bytes of samples are announced, and \(bytes.count - header.offset) there")
    }
  }

  /// Fills a bitmap of the header's own format, or of the format with 16 bits in its place.
  static func decode(
    _ bytes: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) {
    let header = try unsafe NetpbmHeader(bytes, limits: limits, watch: watch)
    try unsafe checkByteCount(bytes, header)
    var samples = unsafe NetpbmSamples(header, bytes, watch)
    let isWide = bitmap.format.channel == .uint16
    var pace = WorkPace(watch)
    try unsafe bitmap.withUnsafeMutableRows { rows throws(BitmapError) in
      for y in 0..<header.height {
        // A sample is parsed, which costs as much as about a dozen additions of samples.
        try pace.spend(header.width * header.channels * 16)
        samples.startRow()
        if !isWide {
          for i in 0..<header.width * header.channels {
            // SAFETY: the row has this many bytes, because bitmap and header have the same format.
            unsafe rows[y][i] = UInt8(truncatingIfNeeded: try samples.next(scaledTo: 255))
          }
        } else {
          try unsafe decodeWideRow(&samples, header, into: UnsafeMutableRawPointer(rows[y]))
        }
      }
    }
  }

  private static func decodeWideRow(
    _ samples: inout NetpbmSamples, _ header: NetpbmHeader, into row: UnsafeMutableRawPointer
  ) throws(BitmapError) {
    let channels = header.channels == 1 ? 1 : 4
    // SAFETY: rows of 16-bit formats are aligned, and hold `channels` numbers a pixel.
    let target = unsafe row.assumingMemoryBound(to: UInt16.self)
    for x in 0..<header.width {
      var pixel: (UInt16, UInt16, UInt16, UInt16) = (0, 0, 0, 65_535)
      pixel.0 = try samples.nextWide()
      if channels == 1 {
        unsafe target[x] = pixel.0
        continue
      }
      if header.channels >= 3 {
        pixel.1 = try samples.nextWide()
        pixel.2 = try samples.nextWide()
      } else {
        (pixel.1, pixel.2) = (pixel.0, pixel.0)
      }
      if header.channels != 3 { pixel.3 = try samples.nextWide() }
      unsafe (target[4 * x], target[4 * x + 1]) = (pixel.0, pixel.1)
      unsafe (target[4 * x + 2], target[4 * x + 3]) = (pixel.2, pixel.3)
    }
  }
}

/// The samples behind a header, one after another.
private struct NetpbmSamples {
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
