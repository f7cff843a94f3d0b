/// The orientation in a file's EXIF data, by the standards themselves: few bytes say it, not worth a library.
///
/// Sources: JPEG's marker segments (ITU T.81, B.1), PNG's `eXIf` chunk (PNG 1.5 extensions), TIFF 6.0, EXIF 2.3.
enum ExifOrientation {
  /// Upright where there is none, and where it cannot be read: pictures are not refused for what a camera wrote beside
  /// them. Costs a step per segment or chunk.
  static func find(in file: RawSpan, format: PictureFormat) -> Orientation {
    let reader = BoundedReader(bytes: file)
    let range =
      switch format {
      case .jpeg: exifInJPEG(reader)
      case .png: exifInPNG(reader)
      case .webp: exifInWebP(reader)
      default: nil as Range<Int>?
      }
    guard let range else { return .upright }
    return orientation(inTIFF: reader.part(range)) ?? .upright
  }

  /// The TIFF structure behind "Exif\0\0" in the first such segment ahead of the pixels.
  private static func exifInJPEG(_ reader: borrowing BoundedReader) -> Range<Int>? {
    var position = 2
    while let lead = reader.byte(at: position), lead == 0xFF, let marker = reader.byte(at: position + 1) {
      switch marker {
      case 0xFF: position += 1  // a fill byte
      case 0x01, 0xD0...0xD7: position += 2  // markers without a segment
      case 0xD9, 0xDA: return nil  // the end, or the pixels
      default:
        guard let length = reader.integer(at: position + 2, byteCount: 2), length >= 2 else { return nil }
        let content = position + 4..<position + 2 + length
        guard content.upperBound <= reader.count else { return nil }
        if marker == 0xE1, length >= 8, reader.has([0x45, 0x78, 0x69, 0x66, 0, 0], at: content.lowerBound) {
          return content.lowerBound + 6..<content.upperBound
        }
        position = content.upperBound
      }
    }
    return nil
  }

  private static func exifInPNG(_ reader: borrowing BoundedReader) -> Range<Int>? {
    var position = 8
    while let length = reader.integer(at: position, byteCount: 4), length <= reader.count - position - 8 {
      let content = position + 8..<position + 8 + length
      if reader.has(Array("eXIf".utf8), at: position + 4) { return content }
      position = content.upperBound + 4  // its checksum
    }
    return nil
  }

  /// The EXIF chunk behind the pixels; some writers put JPEG's "Exif\0\0" before the TIFF structure.
  private static func exifInWebP(_ reader: borrowing BoundedReader) -> Range<Int>? {
    var position = 12
    while let length = reader.integer(at: position + 4, byteCount: 4, isLittle: true),
      length <= reader.count - position - 8
    {
      let content = position + 8..<position + 8 + length
      if reader.has(Array("EXIF".utf8), at: position) {
        let hasLead = length >= 6 && reader.has([0x45, 0x78, 0x69, 0x66, 0, 0], at: content.lowerBound)
        return content.lowerBound + (hasLead ? 6 : 0)..<content.upperBound
      }
      position = content.upperBound + length % 2
    }
    return nil
  }

  /// The tag 0x0112 of the first directory.
  private static func orientation(inTIFF tiff: borrowing BoundedReader) -> Orientation? {
    let isLittle = tiff.has([0x49, 0x49, 0x2A, 0], at: 0)
    guard isLittle || tiff.has([0x4D, 0x4D, 0, 0x2A], at: 0) else { return nil }
    func integer(_ position: Int, _ byteCount: Int, _ tiff: borrowing BoundedReader) -> Int? {
      tiff.integer(at: position, byteCount: byteCount, isLittle: isLittle)
    }
    guard let directory = integer(4, 4, tiff), let count = integer(directory, 2, tiff) else { return nil }
    for index in 0..<count {
      let entry = directory + 2 + 12 * index
      guard let tag = integer(entry, 2, tiff) else { return nil }
      guard tag == 0x0112 else { continue }
      // One value of two bytes, which then stands in the entry itself.
      guard integer(entry + 2, 2, tiff) == 3, integer(entry + 4, 4, tiff) == 1 else { return nil }
      return integer(entry + 8, 2, tiff).flatMap(Orientation.init(exifValue:))
    }
    return nil
  }
}

/// Bytes that somebody else wrote, read so that no offset in them can lead outside: nil there.
private struct BoundedReader: ~Escapable {
  private let bytes: RawSpan

  @_lifetime(copy bytes)
  init(bytes: RawSpan) { self.bytes = bytes }

  var count: Int { bytes.byteCount }

  func byte(at position: Int) -> UInt8? {
    guard position >= 0, position < bytes.byteCount else { return nil }
    // SAFETY: a byte within the span, as just looked up.
    return unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
  }

  func integer(at position: Int, byteCount: Int, isLittle: Bool = false) -> Int? {
    var value = 0
    for i in 0..<byteCount {
      guard let byte = byte(at: position + (isLittle ? byteCount - 1 - i : i)) else { return nil }
      value = value << 8 | Int(byte)
    }
    return value
  }

  func has(_ expected: [UInt8], at position: Int) -> Bool {
    expected.indices.allSatisfy { byte(at: position + $0) == expected[$0] }
  }

  @_lifetime(copy self)
  func part(_ range: Range<Int>) -> BoundedReader { BoundedReader(bytes: bytes.extracting(range)) }
}
