import CImageCodecs

/// What a file holds beside its pixels: where its EXIF and ICC data lie, and how much of all kinds there is.
///
/// Found by walking segments or chunks, as the standards have them: a step for each, nothing copied.
/// Sources: JPEG's marker segments (ITU T.81, B.1) and ICC.1 annex B.4, PNG's chunks (PNG 1.2 and 1.5 extensions), WebP's
/// RIFF container.
struct EmbeddedData {
  /// The TIFF structure of the first EXIF data.
  private(set) var exif: Range<Int>?
  /// The pieces of the ICC data, in their order; of a PNG one, with its name ahead and compressed.
  private(set) var icc: [Range<Int>] = []
  /// All segments and chunks that no pixel needs.
  private(set) var byteCount = 0
  /// Where the first segment or chunk starts that is not walked yet: it is not all there, or the last.
  private var position: Int
  private var iccPieces: [(number: Int, total: Int, range: Range<Int>)] = []
  private let format: PictureFormat

  init(of file: RawSpan, format: PictureFormat) {
    self.format = format
    position = format == .jpeg ? 2 : format == .png ? 8 : 12
    walk(file)
  }

  /// Goes on where the walk ended, in the same file of which more may be there by now.
  mutating func walk(_ file: RawSpan) {
    let reader = BoundedReader(bytes: file)
    switch format {
    case .jpeg: walkJPEG(reader)
    case .png: walkPNG(reader)
    case .webp: walkWebP(reader)
    default: break
    }
  }

  private static let exifLead: [UInt8] = Array("Exif\0\0".utf8)
  private static let iccLead: [UInt8] = Array("ICC_PROFILE\0".utf8)

  private mutating func walkJPEG(_ reader: borrowing BoundedReader) {
    let known = iccPieces.count
    while let lead = reader.byte(at: position), lead == 0xFF, let marker = reader.byte(at: position + 1) {
      if marker == 0xFF {
        position += 1  // a fill byte
      } else if marker == 0x01 || (0xD0...0xD7).contains(marker) {
        position += 2  // markers without a segment
      } else {
        if marker == 0xD9 || marker == 0xDA { break }  // the end, or the pixels
        guard let length = reader.integer(at: position + 2, byteCount: 2), length >= 2 else { break }
        let content = position + 4..<position + 2 + length
        guard content.upperBound <= reader.count else { break }
        if (0xE0...0xEF).contains(marker) || marker == 0xFE { byteCount += length }
        if marker == 0xE1, exif == nil, content.count >= 6, reader.has(Self.exifLead, at: content.lowerBound) {
          exif = content.lowerBound + 6..<content.upperBound
        }
        if marker == 0xE2, content.count >= 14, reader.has(Self.iccLead, at: content.lowerBound),
          let number = reader.byte(at: content.lowerBound + 12), let total = reader.byte(at: content.lowerBound + 13)
        {
          iccPieces.append((Int(number), Int(total), content.lowerBound + 14..<content.upperBound))
        }
        position = content.upperBound
      }
    }
    guard iccPieces.count > known else { return }
    iccPieces.sort { $0.number < $1.number }
    // All of them, once each: half a profile is none.
    let isWhole = iccPieces.enumerated().allSatisfy { $1.number == $0 + 1 && $1.total == iccPieces.count }
    icc = isWhole ? iccPieces.map(\.range) : []
  }

  private mutating func walkPNG(_ reader: borrowing BoundedReader) {
    while let length = reader.integer(at: position, byteCount: 4), length <= reader.count - position - 12,
      let first = reader.byte(at: position + 4)
    {
      let content = position + 8..<position + 8 + length
      if first & 0x20 != 0 { byteCount += length }  // a small letter: ancillary
      if reader.has(Array("eXIf".utf8), at: position + 4), exif == nil { exif = content }
      if reader.has(Array("iCCP".utf8), at: position + 4), icc.isEmpty { icc = [content] }
      position = content.upperBound + 4  // its checksum
    }
  }

  private mutating func walkWebP(_ reader: borrowing BoundedReader) {
    // What lies behind the container is no part of the picture.
    let end = min(reader.count, 8 + (reader.integer(at: 4, byteCount: 4, isLittle: true) ?? 0))
    while let length = reader.integer(at: position + 4, byteCount: 4, isLittle: true), length <= end - position - 8 {
      let content = position + 8..<position + 8 + length
      let isPixels = ["VP8 ", "VP8L", "VP8X", "ALPH"].contains { reader.has(Array($0.utf8), at: position) }
      if !isPixels { byteCount += length }
      if reader.has(Array("EXIF".utf8), at: position), exif == nil {
        // Some writers put JPEG's lead before the TIFF structure.
        let hasLead = length >= 6 && reader.has(Self.exifLead, at: content.lowerBound)
        exif = content.lowerBound + (hasLead ? 6 : 0)..<content.upperBound
      }
      if reader.has(Array("ICCP".utf8), at: position), icc.isEmpty { icc = [content] }
      position = content.upperBound + length % 2
    }
  }
}

extension EmbeddedData {
  /// The ICC data itself; nil where there is none, and where it cannot be read: pictures are not refused for it. Throws
  /// where it is beyond its limit.
  func iccData(in file: UnsafeRawBufferPointer, format: PictureFormat, limits: DecodingLimits) throws(BitmapError)
    -> [UInt8]?
  {
    guard !icc.isEmpty else { return nil }
    let storedByteCount = icc.reduce(0) { $0 + $1.count }
    guard storedByteCount <= limits.colorProfileByteCount else {
      throw .init(exceedingProfile: storedByteCount, limits: limits, format: format)
    }
    if format == .png { return try unsafe inflated(file, limits: limits) }
    var data: [UInt8] = []
    data.reserveCapacity(storedByteCount)
    for range in icc { unsafe data.append(contentsOf: file[range]) }
    return data
  }

  /// Behind the name, which ends with a zero, and the method, which is 0.
  private func inflated(_ file: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) -> [UInt8]? {
    let chunk = unsafe file[icc[0]]
    guard let end = unsafe chunk.prefix(80).firstIndex(of: 0), unsafe chunk.endIndex - end > 2,
      unsafe chunk[end + 1] == 0
    else { return nil }
    let compressed = unsafe UnsafeRawBufferPointer(rebasing: chunk[(end + 2)...])
    // Twice, so that the array is as large as the data: it lives as long as the bitmap. No ICC data is larger than its
    // own header can say.
    let capacity = min(limits.colorProfileByteCount, Int(UInt32.max))
    var report = cimage_report()
    var byteCount = 0
    _ = unsafe cimage_inflate(compressed.baseAddress, compressed.count, nil, capacity, &byteCount, &report)
    guard report.status == CIMAGE_OK else {
      switch report.status {
      case CIMAGE_OUTPUT_FULL: throw .init(exceedingProfile: nil, limits: limits, format: .png)
      case CIMAGE_OUT_OF_MEMORY: throw BitmapError(report, format: .png, limits: limits) ?? .emptyBuffer
      default: return nil
      }
    }
    let expected = byteCount
    let data = unsafe [UInt8](unsafeUninitializedCapacity: expected) { buffer, count in
      _ = unsafe cimage_inflate(
        compressed.baseAddress, compressed.count, buffer.baseAddress, expected, &count, &report)
    }
    if report.status == CIMAGE_OUT_OF_MEMORY, let error = BitmapError(report, format: .png, limits: limits) {
      throw error
    }
    return report.status == CIMAGE_OK ? data : nil
  }
}

extension BitmapError {
  fileprivate init(exceedingProfile needed: Int?, limits: DecodingLimits, format: PictureFormat) {
    self.init(
      exceeding: .init(
        name: "colorProfileByteCount", needed: needed, allowed: limits.colorProfileByteCount, unit: "bytes"),
      format: format, subject: "the ICC data of this \(format)")
  }
}
