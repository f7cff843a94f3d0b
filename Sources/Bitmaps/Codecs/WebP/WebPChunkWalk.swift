// SPDX-License-Identifier: Apache-2.0

/// Walks over the chunks of a WebP's RIFF container, up to its end.
///
/// Source: RFC 9649.
struct WebPChunkWalk {
  private(set) var metadata: PictureMetadata
  /// Where the first chunk starts that was not walked yet.
  private var position = 12
  /// The header says that the file is an animation.
  private var isAnimated = false

  init(limits: DecodingLimits?) { metadata = PictureMetadata(format: .webp, limits: limits) }

  mutating func walk(_ reader: borrowing BoundedReader, _ pace: consuming WorkPace) throws(BitmapError) {
    if reader.count >= 30, metadata.reach(.size, headerByteCount: 30) { return }
    // Bytes behind the container are not part of the picture.
    guard let announced = reader.integer(at: 4, byteCount: 4, isLittle: true) else { return }
    let end = announced + 8
    let flags = reader.integer(at: 12, byteCount: 4) == WebPChunkName.extended ? reader.byte(at: 20) ?? 0 : 0
    while position <= end - 8, let name = reader.integer(at: position, byteCount: 4),
      let length = reader.integer(at: position + 4, byteCount: 4, isLittle: true)
    {
      try pace.spend(PictureMetadata.stepWork)
      let content = position + 8..<position + 8 + length
      if reachesPixels(name, content, reader) { return }
      let isForPixels =
        switch name {
        case WebPChunkName.lossy, WebPChunkName.lossless, WebPChunkName.extended, WebPChunkName.alpha: true
        case WebPChunkName.animation, WebPChunkName.frame: isAnimated
        default: false
        }
      guard content.upperBound <= end else {
        // The chunk goes on behind the container: libwebp reports what is wrong. For a chunk of pixels, it must see
        // some pixels first.
        if !isForPixels, !metadata.reach(.pixels, headerByteCount: content.lowerBound) {
          metadata.warn(.damaged(ChunkName.text(name), "this chunk goes on behind the end of its file"))
        }
        return
      }
      let arrived = min(length, reader.count - content.lowerBound)
      if !isForPixels { try metadata.check(adding: length, arrived: arrived) }
      if name == WebPChunkName.profile, metadata.icc.isEmpty {
        try metadata.checkProfile(length, arrived: arrived, metadata.limits)
      }
      guard content.upperBound <= reader.count else { return }
      if !isForPixels { metadata.byteCount += length }
      switch name {
      case WebPChunkName.extended where position == 12: isAnimated = flags & 2 != 0
      case WebPChunkName.frame where isAnimated: metadata.frameCount += 1
      case WebPChunkName.exif where flags & 0x08 == 0, WebPChunkName.profile where flags & 0x20 == 0:
        metadata.warn(.misplaced(ChunkName.text(name), "the file's first chunk does not announce this one"))
      case WebPChunkName.exif: metadata.takeExifChunk(content, reader)
      case WebPChunkName.profile where metadata.icc.isEmpty: metadata.icc = [content]
      default: break
      }
      position = content.upperBound + length % 2
    }
  }

  /// Whether the head of the first pixels' data has arrived with this chunk. It is part of the header.
  private mutating func reachesPixels(
    _ name: Int, _ content: Range<Int>, _ reader: borrowing BoundedReader
  ) -> Bool {
    if let headByteCount = Self.headByteCount(ofPixels: name, length: content.count),
      reader.count - content.lowerBound >= headByteCount,
      metadata.reach(.pixels, headerByteCount: content.lowerBound + headByteCount)
    {
      return true
    }
    guard name == WebPChunkName.frame, isAnimated, let end = endOfHeadOfFrame(at: content.lowerBound, reader) else {
      return false
    }
    return metadata.reach(.pixels, headerByteCount: end)
  }

  /// The end of the head of a frame's pixels, if it has arrived. The head follows 16 bytes about the frame and, if
  /// there is one, the chunk of alpha.
  private func endOfHeadOfFrame(at start: Int, _ reader: borrowing BoundedReader) -> Int? {
    var position = start + 16
    if reader.integer(at: position, byteCount: 4) == WebPChunkName.alpha,
      let length = reader.integer(at: position + 4, byteCount: 4, isLittle: true)
    {
      position += 8 + length + length % 2
    }
    guard let name = reader.integer(at: position, byteCount: 4),
      let length = reader.integer(at: position + 4, byteCount: 4, isLittle: true)
    else { return nil }
    // libwebp refuses any other chunk at once.
    let byteCount = Self.headByteCount(ofPixels: name, length: length) ?? 0
    return reader.count - position >= 8 + byteCount ? position + 8 + byteCount : nil
  }

  /// The length of the head of the pixels' data, or of the whole chunk if that is shorter; nil for other chunks.
  private static func headByteCount(ofPixels name: Int, length: Int) -> Int? {
    name == WebPChunkName.lossy ? min(10, length) : name == WebPChunkName.lossless ? min(5, length) : nil
  }
}
