// SPDX-License-Identifier: Apache-2.0

/// Walks over the marker segments of a JPEG, up to its pixels.
///
/// Sources: ITU T.81, B.1, and ICC.1 annex B.4.
struct JPEGSegmentWalk {
  private(set) var metadata: PictureMetadata
  /// Where the first segment starts that was not walked yet.
  private var position = 2
  /// The rest of the file is not needed.
  private var isDone = false
  private var iccPieces: [(number: Int, total: Int, range: Range<Int>)] = []

  init(limits: DecodingLimits?) { metadata = PictureMetadata(format: .jpeg, limits: limits) }

  /// Skips bytes between segments, as libjpeg does.
  mutating func walk(_ reader: borrowing BoundedReader, _ pace: consuming WorkPace) throws(BitmapError) {
    while !isDone, let lead = reader.byte(at: position) {
      try pace.spend(PictureMetadata.stepWork)
      guard lead == 0xFF else {
        position += 1
        continue
      }
      guard let marker = reader.byte(at: position + 1) else { return }
      switch marker {
      case 0xFF: position += 1  // a fill byte
      case 0, 0x01, 0xD0...0xD7: position += 2  // no marker, and markers without a segment
      case 0xD9:
        metadata.reach(.pixels, headerByteCount: position + 2)  // there are no pixels
        isDone = true
      default: guard try walkSegment(marker, reader) else { return }
      }
    }
  }

  /// Returns false if the segment has not arrived whole, or if a milestone is reached.
  private mutating func walkSegment(_ marker: UInt8, _ reader: borrowing BoundedReader) throws(BitmapError) -> Bool {
    // A length below 2 is shorter than the length field itself. libjpeg refuses such a segment, or takes it as empty.
    guard let length = reader.integer(at: position + 2, byteCount: 2).map({ max($0, 2) }) else { return false }
    let isEmbedded = (0xE0...0xEF).contains(marker) || marker == 0xFE
    let content = position + 4..<position + 2 + length
    if isEmbedded { try metadata.check(adding: length, arrived: reader.count - position - 2) }
    guard content.upperBound <= reader.count else { return false }
    if isEmbedded { metadata.byteCount += length }
    position = content.upperBound
    switch marker {
    case 0xE1:
      guard content.count >= 6, reader.has(PictureMetadata.exifLead, at: content.lowerBound) else { break }
      metadata.takeExif(content.lowerBound + 6..<content.upperBound, reader)
    case 0xE2:
      guard content.count >= 14, reader.has(Self.iccLead, at: content.lowerBound) else { break }
      takeICCPiece(content, reader)
    // The headers of frames. libjpeg refuses the last two, which are of hierarchical JPEGs and of JPEG-LS, by name.
    case 0xC0...0xC3, 0xC5...0xCB, 0xCD...0xCF, 0xDE, 0xF7:
      return !metadata.reach(.size, headerByteCount: position)
    case 0xDA:
      isDone = true
      if !iccPieces.isEmpty, metadata.icc.isEmpty {
        metadata.warn(.damaged("ICC data", "some of its segments are missing"))
      }
      return !metadata.reach(.pixels, headerByteCount: position)
    default: break
    }
    return true
  }

  private static let iccLead: [UInt8] = Array("ICC_PROFILE\0".utf8)

  private mutating func takeICCPiece(_ content: Range<Int>, _ reader: borrowing BoundedReader) {
    guard let number = reader.byte(at: content.lowerBound + 12), let total = reader.byte(at: content.lowerBound + 13),
      iccPieces.count <= 255  // the numbers are bytes, so a profile has no more pieces
    else { return }
    iccPieces.append((Int(number), Int(total), content.lowerBound + 14..<content.upperBound))
    // Every piece must be there exactly once: a part of a profile cannot be used.
    guard iccPieces.allSatisfy({ $0.total == iccPieces.count }) else {
      metadata.icc = []
      return
    }
    iccPieces.sort { $0.number < $1.number }
    metadata.icc = iccPieces.enumerated().allSatisfy { $1.number == $0 + 1 } ? iccPieces.map(\.range) : []
  }
}
