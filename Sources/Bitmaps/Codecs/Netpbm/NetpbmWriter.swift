// SPDX-License-Identifier: Apache-2.0

/// Puts the header and the samples of a bitmap into memory, byte by byte. Bytes that do not fit are only counted.
///
/// The bitmap has a format that the variant can write: see ``NetpbmEncoder/writtenFormat(for:)``.
// SAFETY: nothing is written beyond `target`; the value is used only inside the closure that lent it.
@safe
struct NetpbmWriter {
  private let target: UnsafeMutableRawBufferPointer
  private let variant: NetpbmVariant
  /// The number of all bytes that were written, whether they fitted or not.
  private(set) var byteCount = 0

  init(target: UnsafeMutableRawBufferPointer, variant: NetpbmVariant) {
    unsafe self.target = unsafe target
    self.variant = variant
  }

  private mutating func put(_ byte: UInt8) {
    if unsafe byteCount < target.count { unsafe target[byteCount] = byte }
    byteCount += 1
  }

  private mutating func put(_ text: String) {
    for byte in text.utf8 { put(byte) }
  }

  mutating func write(_ bitmap: Bitmap) throws(BitmapError) {
    let channels = bitmap.format.channelCount
    // Plain formats have no alpha, even if the bitmap's format has a fourth channel.
    let colors = variant.kind == .plain && channels == 4 ? 3 : channels
    let maximum = bitmap.format.channel == .uint16 ? 65_535 : 255
    putHeader(bitmap, channels: colors, maximum: maximum)
    var pace = WorkPace(WorkDeadline(format: .netpbm))
    try unsafe bitmap.withUnsafeRows { rows throws(BitmapError) in
      for y in 0..<bitmap.height {
        try pace.spend(bitmap.width * channels * 16)
        let row = unsafe UnsafeRawPointer(rows[y])
        if variant.kind == .bitmap || variant.kind == .plainBitmap {
          unsafe putBits(row, count: bitmap.width)
          continue
        }
        // SAFETY: the number lies within the row, and rows are aligned for their format.
        func sample(_ index: Int) -> Int {
          maximum == 255
            ? unsafe Int(row.load(fromByteOffset: index, as: UInt8.self))
            : unsafe Int(row.load(fromByteOffset: 2 * index, as: UInt16.self))
        }
        for x in 0..<bitmap.width {
          let alpha = colors < channels ? sample(x * channels + colors) : maximum
          for channel in 0..<colors {
            let value = sample(x * channels + channel)
            // On white, rounded to the nearest. An opaque sample needs no division.
            let laid = alpha == maximum ? value : (value * alpha + maximum * (maximum - alpha) + maximum / 2) / maximum
            put(sample: laid, isWide: maximum > 255)
          }
        }
        if variant.kind == .plain { put(0x0A) }
      }
    }
  }

  private mutating func putHeader(_ bitmap: Bitmap, channels: Int, maximum: Int) {
    let (width, height) = (bitmap.width, bitmap.height)
    switch (variant.kind, channels) {
    case (.bitmap, _): put("P4\n\(width) \(height)\n")
    case (.plainBitmap, _): put("P1\n\(width) \(height)\n")
    case (.plain, let channels): put("P\(channels == 1 ? 2 : 3)\n\(width) \(height)\n\(maximum)\n")
    case (.binary, 1): put("P5\n\(width) \(height)\n\(maximum)\n")
    case (.binary, 3): put("P6\n\(width) \(height)\n\(maximum)\n")
    case (.binary, let channels):
      let kind = channels == 2 ? "GRAYSCALE_ALPHA" : "RGB_ALPHA"
      put("P7\nWIDTH \(width)\nHEIGHT \(height)\nDEPTH \(channels)\nMAXVAL \(maximum)\nTUPLTYPE \(kind)\nENDHDR\n")
    }
  }

  private mutating func put(sample: Int, isWide: Bool) {
    if variant.kind == .plain {
      put("\(sample) ")
    } else {
      if isWide { put(UInt8(truncatingIfNeeded: sample >> 8)) }
      put(UInt8(truncatingIfNeeded: sample))
    }
  }

  private mutating func putBits(_ row: UnsafeRawPointer, count: Int) {
    var bits: UInt8 = 0
    for x in 0..<count {
      let isBlack = unsafe row.load(fromByteOffset: x, as: UInt8.self) < 128
      if variant.kind == .plainBitmap {
        put(isBlack ? UInt8(ascii: "1") : UInt8(ascii: "0"))
        // Lines of plain files should have no more than 70 characters.
        if x % 64 == 63 || x == count - 1 { put(0x0A) }
        continue
      }
      if isBlack { bits |= 0x80 >> UInt8(x % 8) }
      if x % 8 == 7 || x == count - 1 {
        put(bits)
        bits = 0
      }
    }
  }
}
