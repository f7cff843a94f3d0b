// SPDX-License-Identifier: Apache-2.0

/// What a file holds beside its pixels: where its EXIF and ICC data lie, and how many bytes of all kinds there are.
///
/// A walk over segments or chunks finds this, as the standards define them: one step for each, nothing is copied. If
/// the file has not arrived whole, the walk later continues where it ended, so that it is one walk whatever the pieces.
/// Sources: JPEG's marker segments (ITU T.81, B.1) and ICC.1 annex B.4, PNG's chunks (PNG 1.2, and the third edition),
/// WebP's RIFF container (RFC 9649). <doc:Damaged-Files> says what counts and what does not.
struct MetadataScanner {
  /// How far the walk has come.
  enum Milestone: Int {
    case start
    /// The part of the header that has the size has arrived.
    case size
    /// All that the codecs read before the pixels has arrived, or something that no codec can read.
    case pixels
  }

  /// The TIFF structure of the first EXIF data whose orientation can be read; if there is none, of the first EXIF data.
  private(set) var exif: Range<Int>?
  private var isExifReadable = false
  /// The pieces of the ICC data, in their order. A PNG has one piece, which is compressed and begins with its name.
  private(set) var icc: [Range<Int>] = []
  /// The number of frames of an animation.
  private(set) var frameCount = 0
  /// The bytes of all segments and chunks that no pixel needs. The chunks of an animation do not count.
  private(set) var byteCount = 0
  private(set) var milestone = Milestone.start
  /// How many bytes, from the file's start, the codecs need to read the file up to the milestone.
  private(set) var headerByteCount = 0
  /// What is wrong with the data beside the pixels, in the file's order.
  private(set) var warnings: [PictureWarning] = []
  /// The size in a PNG's header, unchecked. Nil for other formats: their codecs read the size from a part of the
  /// header.
  private(set) var declaredSize: (width: Int, height: Int)?
  let format: PictureFormat
  /// Where the first segment or chunk starts that was not walked yet.
  private var position: Int
  /// The rest of the file is not part of the picture, or not needed.
  private var isDone = false
  /// The header says that the file is an animation.
  private var isAnimated = false
  private var iccPieces: [(number: Int, total: Int, range: Range<Int>)] = []
  private var hasPalette = false

  /// The state before the walk.
  init(format: PictureFormat) {
    self.format = format
    position = format == .jpeg ? 2 : format == .png ? 8 : 12
  }

  init(of file: RawSpan, format: PictureFormat, watch: WorkDeadline) throws(BitmapError) {
    self.init(format: format)
    while try walk(file, watch: watch, limits: nil) {}
  }

  /// Continues the walk where it ended. `file` is the same file, of which more may have arrived. Returns true if the
  /// walk pauses at a milestone.
  ///
  /// If `limits` are given, a segment or chunk is refused as soon as more of it has arrived than they allow. The length
  /// that it declares is not enough to refuse it, because the length can be damaged.
  mutating func walk(_ file: RawSpan, watch: WorkDeadline, limits: DecodingLimits?) throws(BitmapError) -> Bool {
    let last = milestone
    let reader = BoundedReader(bytes: file)
    var pace = WorkPace(watch)
    switch format {
    case .jpeg: try walkJPEG(reader, &pace, limits)
    case .png: try walkPNG(reader, &pace, limits)
    case .webp: try walkWebP(reader, &pace, limits)
    default: break
    }
    return milestone != last
  }

  /// The work that one step counts as: the watch is asked once for every 4,096 steps.
  private static let stepWork = 1024

  /// Returns true if the milestone was not reached before: then the walk pauses.
  @discardableResult
  private mutating func reach(_ newMilestone: Milestone, headerByteCount: Int) -> Bool {
    guard newMilestone.rawValue > milestone.rawValue else { return false }
    milestone = newMilestone
    self.headerByteCount = headerByteCount
    return true
  }

  private mutating func warn(_ warning: PictureWarning) { PictureWarning.add(warning, to: &warnings) }

  /// EXIF data that cannot be read does not hide EXIF data that follows it. Once one was read, later data is ignored,
  /// because a file can have many.
  private mutating func takeExif(_ range: Range<Int>, _ reader: borrowing BoundedReader) {
    guard !isExifReadable else { return }
    isExifReadable = ExifOrientation.read(in: reader.part(range)) != nil
    if exif != nil { warn(.damagedExif) }
    if exif == nil || isExifReadable { exif = range }
  }

  /// `length` is what a segment or chunk declares; `there` bytes of it have arrived.
  private func check(adding length: Int, there: Int, _ limits: DecodingLimits?) throws(BitmapError) {
    guard let limits, byteCount + min(length, there) > limits.embeddedByteCount else { return }
    throw BitmapError(
      exceeding: .init(
        name: "embeddedByteCount", needed: byteCount + length, allowed: limits.embeddedByteCount, unit: "bytes"),
      format: format, subject: "what this \(format) has beside its pixels")
  }
}

extension MetadataScanner {
  private static let exifLead: [UInt8] = Array("Exif\0\0".utf8)
  private static let iccLead: [UInt8] = Array("ICC_PROFILE\0".utf8)

  /// Skips bytes between segments, as libjpeg does.
  private mutating func walkJPEG(
    _ reader: borrowing BoundedReader, _ pace: inout WorkPace, _ limits: DecodingLimits?
  ) throws(BitmapError) {
    while !isDone, let lead = reader.byte(at: position) {
      try pace.spend(Self.stepWork)
      guard lead == 0xFF else {
        position += 1
        continue
      }
      guard let marker = reader.byte(at: position + 1) else { return }
      switch marker {
      case 0xFF: position += 1  // a fill byte
      case 0, 0x01, 0xD0...0xD7: position += 2  // no marker, and markers without a segment
      case 0xD9:
        reach(.pixels, headerByteCount: position + 2)  // there are no pixels
        isDone = true
      default: guard try walkSegment(marker, reader, limits) else { return }
      }
    }
  }

  /// Returns false if the segment has not arrived whole, or if a milestone is reached.
  private mutating func walkSegment(
    _ marker: UInt8, _ reader: borrowing BoundedReader, _ limits: DecodingLimits?
  ) throws(BitmapError) -> Bool {
    // A length below 2 is shorter than the length field itself. libjpeg refuses such a segment, or takes it as empty.
    guard let length = reader.integer(at: position + 2, byteCount: 2).map({ max($0, 2) }) else { return false }
    let isEmbedded = (0xE0...0xEF).contains(marker) || marker == 0xFE
    let content = position + 4..<position + 2 + length
    if isEmbedded { try check(adding: length, there: reader.count - position - 2, limits) }
    guard content.upperBound <= reader.count else { return false }
    if isEmbedded { byteCount += length }
    position = content.upperBound
    switch marker {
    case 0xE1:
      guard content.count >= 6, reader.has(Self.exifLead, at: content.lowerBound) else { break }
      takeExif(content.lowerBound + 6..<content.upperBound, reader)
    case 0xE2:
      guard content.count >= 14, reader.has(Self.iccLead, at: content.lowerBound) else { break }
      takeICCPiece(content, reader)
    // The headers of frames. libjpeg refuses the last two, which are of hierarchical JPEGs and of JPEG-LS, by name.
    case 0xC0...0xC3, 0xC5...0xCB, 0xCD...0xCF, 0xDE, 0xF7:
      return !reach(.size, headerByteCount: position)
    case 0xDA:
      isDone = true
      if !iccPieces.isEmpty, icc.isEmpty { warn(.damaged("ICC data", "some of its segments are missing")) }
      return !reach(.pixels, headerByteCount: position)
    default: break
    }
    return true
  }

  private mutating func takeICCPiece(_ content: Range<Int>, _ reader: borrowing BoundedReader) {
    guard let number = reader.byte(at: content.lowerBound + 12), let total = reader.byte(at: content.lowerBound + 13),
      iccPieces.count <= 255  // the numbers are bytes, so a profile has no more pieces
    else { return }
    iccPieces.append((Int(number), Int(total), content.lowerBound + 14..<content.upperBound))
    // Every piece must be there exactly once: a part of a profile cannot be used.
    guard iccPieces.allSatisfy({ $0.total == iccPieces.count }) else {
      icc = []
      return
    }
    iccPieces.sort { $0.number < $1.number }
    icc = iccPieces.enumerated().allSatisfy { $1.number == $0 + 1 } ? iccPieces.map(\.range) : []
  }
}

extension MetadataScanner {
  private mutating func walkPNG(
    _ reader: borrowing BoundedReader, _ pace: inout WorkPace, _ limits: DecodingLimits?
  ) throws(BitmapError) {
    if milestone == .start {
      guard reader.count >= 33 else { return }
      if reader.integer(at: 12, byteCount: 4) == ChunkName.header, let width = reader.integer(at: 16, byteCount: 4),
        let height = reader.integer(at: 20, byteCount: 4)
      {
        declaredSize = (width, height)
      }
      reach(.size, headerByteCount: 33)
      return
    }
    while !isDone, let length = reader.integer(at: position, byteCount: 4),
      let name = reader.integer(at: position + 4, byteCount: 4)
    {
      try pace.spend(Self.stepWork)
      guard length < 1 << 31 else {  // libpng accepts no more either
        reach(.pixels, headerByteCount: position + 8)
        isDone = true
        return
      }
      if name == ChunkName.data, reach(.pixels, headerByteCount: position + 8) { return }
      let content = position + 8..<position + 8 + length
      let there = min(length, reader.count - content.lowerBound)
      let isOfAnimation =
        name == ChunkName.pngFrameData || name == ChunkName.pngFrame || name == ChunkName.pngAnimation
      let isAncillary = name & 0x2000_0000 != 0  // the first letter is small
      if isAncillary, !isOfAnimation { try check(adding: length, there: there, limits) }
      if name == ChunkName.pngProfile, icc.isEmpty, let limits { try checkProfile(length, there: there, limits) }
      guard length <= reader.count - position - 12 else { return }
      if isAncillary {
        if !isOfAnimation { byteCount += length }
        try takePNGChunk(name, content, reader, &pace)
      } else if name == ChunkName.palette {
        if milestone == .pixels { warn(.misplaced("PLTE", "this chunk lies behind the pixels")) }
        hasPalette = true
      }
      isDone = name == ChunkName.end
      position = content.upperBound + 4  // its checksum
    }
  }

  /// Takes a chunk that has arrived whole. A damaged tRNS ahead of the pixels would change them, and libpng refuses it.
  private mutating func takePNGChunk(
    _ name: Int, _ content: Range<Int>, _ reader: borrowing BoundedReader, _ pace: inout WorkPace
  ) throws(BitmapError) {
    let isBehindPixels = milestone == .pixels
    if name == ChunkName.transparency, !isBehindPixels { return checkTransparency(content, reader) }
    var checksum: UInt32 = 0
    for start in stride(from: content.lowerBound - 4, to: content.upperBound, by: 1 << 16) {
      let piece = start..<min(start + 1 << 16, content.upperBound)
      try pace.spend(piece.count)
      checksum = reader.checksum(of: piece, continuing: checksum)
    }
    guard reader.integer(at: content.upperBound, byteCount: 4) == Int(checksum) else {
      return warn(.damaged(ChunkName.text(name), "the checksum of this chunk is wrong"))
    }
    switch name {
    case ChunkName.pngAnimation where !isBehindPixels: isAnimated = true
    case ChunkName.pngFrame where isAnimated: frameCount += 1
    case ChunkName.pngExif where isBehindPixels: warn(.misplaced("eXIf", "this chunk lies behind the pixels"))
    case ChunkName.pngExif: takeExif(tiffStructure(in: content, reader), reader)
    case ChunkName.pngProfile where isBehindPixels || hasPalette:
      warn(.misplaced("iCCP", "this chunk lies behind the \(isBehindPixels ? "pixels" : "palette")"))
    case ChunkName.pngProfile where icc.isEmpty: icc = [content]
    case _ where isBehindPixels && ChunkName.aheadOfPixels.contains(name):
      warn(.misplaced(ChunkName.text(name), "this chunk lies behind the pixels"))
    default: break
    }
  }

  /// EXIF data in a PNG or WebP. Some writers put JPEG's lead in front of it, which is skipped.
  private func tiffStructure(in content: Range<Int>, _ reader: borrowing BoundedReader) -> Range<Int> {
    let hasLead = content.count >= 6 && reader.has(Self.exifLead, at: content.lowerBound)
    return content.lowerBound + (hasLead ? 6 : 0)..<content.upperBound
  }

  /// If a sample has more bits than the picture's samples, the lower bits count, as PNG and libpng have it.
  private mutating func checkTransparency(_ content: Range<Int>, _ reader: borrowing BoundedReader) {
    guard let depth = reader.byte(at: 24), let color = reader.byte(at: 25), depth < 16, color == 0 || color == 2,
      content.count == (color == 0 ? 2 : 6)
    else { return }
    for place in stride(from: content.lowerBound, to: content.upperBound, by: 2)
    where reader.integer(at: place, byteCount: 2).map({ $0 >> Int(depth) != 0 }) == true {
      return warn(
        PictureWarning(
          code: .irregularData, part: "tRNS",
          reason: "tRNS: a sample has more bits than those of the picture; the lower ones were used."))
    }
  }

  private mutating func walkWebP(
    _ reader: borrowing BoundedReader, _ pace: inout WorkPace, _ limits: DecodingLimits?
  ) throws(BitmapError) {
    if reader.count >= 30, reach(.size, headerByteCount: 30) { return }
    // Bytes behind the container are not part of the picture.
    guard let announced = reader.integer(at: 4, byteCount: 4, isLittle: true) else { return }
    let end = announced + 8
    let flags = reader.integer(at: 12, byteCount: 4) == ChunkName.extended ? reader.byte(at: 20) ?? 0 : 0
    while !isDone, position <= end - 8, let name = reader.integer(at: position, byteCount: 4),
      let length = reader.integer(at: position + 4, byteCount: 4, isLittle: true)
    {
      try pace.spend(Self.stepWork)
      let content = position + 8..<position + 8 + length
      // The head of these chunks is part of the header.
      if let headByteCount = Self.headByteCount(ofPixels: name, length: length),
        reader.count - content.lowerBound >= headByteCount,
        reach(.pixels, headerByteCount: content.lowerBound + headByteCount)
      {
        return
      }
      if name == ChunkName.webpFrame, isAnimated, let end = endOfHeadOfFrame(at: content.lowerBound, reader),
        reach(.pixels, headerByteCount: end)
      {
        return
      }
      let isForPixels =
        switch name {
        case ChunkName.lossy, ChunkName.lossless, ChunkName.extended, ChunkName.alpha: true
        case ChunkName.webpAnimation, ChunkName.webpFrame: isAnimated
        default: false
        }
      guard content.upperBound <= end else {
        // The chunk goes on behind the container: libwebp reports what is wrong. For a chunk of pixels, it must see
        // some pixels first.
        if !isForPixels, !reach(.pixels, headerByteCount: content.lowerBound) {
          warn(.damaged(ChunkName.text(name), "this chunk goes on behind the end of its file"))
        }
        return
      }
      let there = min(length, reader.count - content.lowerBound)
      if !isForPixels { try check(adding: length, there: there, limits) }
      if name == ChunkName.webpProfile, icc.isEmpty, let limits { try checkProfile(length, there: there, limits) }
      guard content.upperBound <= reader.count else { return }
      if !isForPixels { byteCount += length }
      switch name {
      case ChunkName.extended where position == 12:
        isAnimated = flags & 2 != 0
      case ChunkName.webpFrame where isAnimated: frameCount += 1
      case ChunkName.webpExif where flags & 0x08 == 0, ChunkName.webpProfile where flags & 0x20 == 0:
        warn(.misplaced(ChunkName.text(name), "the file's first chunk does not announce this one"))
      case ChunkName.webpExif: takeExif(tiffStructure(in: content, reader), reader)
      case ChunkName.webpProfile where icc.isEmpty: icc = [content]
      default: break
      }
      position = content.upperBound + length % 2
    }
  }

  /// The end of the head of a frame's pixels, if it has arrived. The head follows 16 bytes about the frame and, if
  /// there is one, the chunk of alpha.
  private func endOfHeadOfFrame(at start: Int, _ reader: borrowing BoundedReader) -> Int? {
    var position = start + 16
    if reader.integer(at: position, byteCount: 4) == ChunkName.alpha,
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
    name == ChunkName.lossy ? min(10, length) : name == ChunkName.lossless ? min(5, length) : nil
  }
}
