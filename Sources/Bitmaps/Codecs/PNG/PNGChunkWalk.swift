// SPDX-License-Identifier: Apache-2.0

/// Walks over the chunks of a PNG, up to its end.
///
/// Sources: PNG 1.2, and the third edition.
struct PNGChunkWalk {
  private(set) var metadata: PictureMetadata
  /// Where the first chunk starts that was not walked yet.
  private var position = 8
  /// The rest of the file is not part of the picture.
  private var isDone = false
  /// The header says that the file is an animation.
  private var isAnimated = false
  private var hasPalette = false

  init(limits: DecodingLimits?) { metadata = PictureMetadata(format: .png, limits: limits) }

  mutating func walk(_ reader: borrowing BoundedReader, _ pace: consuming WorkPace) throws(BitmapError) {
    if metadata.milestone == .start { return takeHeader(reader) }
    while !isDone, let length = reader.integer(at: position, byteCount: 4),
      let name = reader.integer(at: position + 4, byteCount: 4)
    {
      try pace.spend(PictureMetadata.stepWork)
      guard length < 1 << 31 else {  // libpng accepts no more either
        metadata.reach(.pixels, headerByteCount: position + 8)
        isDone = true
        return
      }
      if name == PNGChunkName.data, metadata.reach(.pixels, headerByteCount: position + 8) { return }
      let content = position + 8..<position + 8 + length
      let arrived = min(length, reader.count - content.lowerBound)
      let isAncillary = name & 0x2000_0000 != 0  // the first letter is small
      let isEmbedded = isAncillary && !PNGChunkName.ofAnimation.contains(name)
      if isEmbedded { try metadata.check(adding: length, arrived: arrived) }
      if name == PNGChunkName.profile, metadata.icc.isEmpty, let limits = metadata.limits {
        try metadata.checkProfile(length, arrived: arrived, limits, slack: Self.profileSlack(limits))
      }
      guard length <= reader.count - position - 12 else { return }
      if isEmbedded { metadata.byteCount += length }
      if isAncillary {
        try takeChunk(name, content, reader, &pace)
      } else if name == PNGChunkName.palette {
        if metadata.milestone == .pixels { metadata.warn(.misplaced("PLTE", "this chunk lies behind the pixels")) }
        hasPalette = true
      }
      isDone = name == PNGChunkName.end
      position = content.upperBound + 4  // its checksum
    }
  }

  /// How much more bytes a profile's chunk may have than the profile. A name precedes the compressed data, and data
  /// that cannot be compressed becomes slightly larger. The exact size is checked when the data is inflated.
  static func profileSlack(_ limits: DecodingLimits) -> Int { max(0, limits.colorProfileByteCount) / 1_000 + 1_024 }

  private mutating func takeHeader(_ reader: borrowing BoundedReader) {
    guard reader.count >= 33 else { return }
    if reader.integer(at: 12, byteCount: 4) == PNGChunkName.header, let width = reader.integer(at: 16, byteCount: 4),
      let height = reader.integer(at: 20, byteCount: 4)
    {
      metadata.declaredSize = (width, height)
    }
    metadata.reach(.size, headerByteCount: 33)
  }

  /// Takes a chunk that has arrived whole. A damaged tRNS ahead of the pixels would change them, and libpng refuses it.
  private mutating func takeChunk(
    _ name: Int, _ content: Range<Int>, _ reader: borrowing BoundedReader, _ pace: inout WorkPace
  ) throws(BitmapError) {
    let isBehindPixels = metadata.milestone == .pixels
    if name == PNGChunkName.transparency, !isBehindPixels { return checkTransparency(content, reader) }
    var checksum: UInt32 = 0
    for start in stride(from: content.lowerBound - 4, to: content.upperBound, by: 1 << 16) {
      let piece = start..<min(start + 1 << 16, content.upperBound)
      try pace.spend(piece.count)
      checksum = reader.checksum(of: piece, continuing: checksum)
    }
    guard reader.integer(at: content.upperBound, byteCount: 4) == Int(checksum) else {
      return metadata.warn(.damaged(ChunkName.text(name), "the checksum of this chunk is wrong"))
    }
    switch name {
    case PNGChunkName.animation where !isBehindPixels: isAnimated = true
    case PNGChunkName.frame where isAnimated: metadata.frameCount += 1
    case PNGChunkName.exif where isBehindPixels: metadata.warn(.misplaced("eXIf", "this chunk lies behind the pixels"))
    case PNGChunkName.exif: metadata.takeExifChunk(content, reader)
    case PNGChunkName.profile where isBehindPixels || hasPalette:
      metadata.warn(.misplaced("iCCP", "this chunk lies behind the \(isBehindPixels ? "pixels" : "palette")"))
    case PNGChunkName.profile where metadata.icc.isEmpty: metadata.icc = [content]
    case _ where isBehindPixels && PNGChunkName.aheadOfPixels.contains(name):
      metadata.warn(.misplaced(ChunkName.text(name), "this chunk lies behind the pixels"))
    default: break
    }
  }

  /// If a sample has more bits than the picture's samples, the lower bits count, as PNG and libpng have it.
  private mutating func checkTransparency(_ content: Range<Int>, _ reader: borrowing BoundedReader) {
    guard let depth = reader.byte(at: 24), let color = reader.byte(at: 25), depth < 16, color == 0 || color == 2,
      content.count == (color == 0 ? 2 : 6)
    else { return }
    for place in stride(from: content.lowerBound, to: content.upperBound, by: 2)
    where reader.integer(at: place, byteCount: 2).map({ $0 >> Int(depth) != 0 }) == true {
      return metadata.warn(
        PictureWarning(
          code: .irregularData, part: "tRNS",
          reason: "tRNS: a sample has more bits than those of the picture; the lower ones were used."))
    }
  }
}
