// SPDX-License-Identifier: Apache-2.0

/// Reads the header of a picture whose bytes arrive in pieces, or all at once.
///
/// Each look continues where the last one ended. The codecs' libraries cannot continue, so they are asked at most
/// twice: when the part of the header with the size has arrived, so that errors in it are found, and when the whole
/// header has arrived. If the whole header arrives at once and nothing is wrong with it, they are asked once. They get
/// the header up to that point and no byte more, and limits are checked in the file's order. So the result does not
/// depend on the pieces.
struct IncrementalHeaderParser {
  /// Nil until enough of the header has arrived.
  private(set) var info: PictureInfo?
  /// Nil until the format is known.
  private(set) var codec: (any PictureCodec)?
  /// Nil until it is known.
  var format: PictureFormat? { recognition.format }
  private var recognition: Recognition
  private let limits: DecodingLimits
  /// If the picture is only probed, its sizes are reported and not limited.
  private let isProbing: Bool
  /// The least width that decoding may reduce the picture to; nil if decoding does not reduce it.
  private let minimumWidth: Int?
  /// Whether `info` includes the metadata that was found so far.
  private var hasMetadata = false
  /// The ICC data that the profile in `info` was read from.
  private var icc: [Range<Int>] = []
  private var isProfileUnreadable = false

  /// - Parameter recognition: What is known of the format, if something is.
  init(
    _ recognition: Recognition = .open, minimumWidth: Int? = nil, limits: DecodingLimits, isProbing: Bool = false
  ) {
    self.recognition = recognition
    self.minimumWidth = minimumWidth
    self.limits = limits
    self.isProbing = isProbing
  }

  /// `arrived` begins with the bytes of the last look. Throws if the bytes exceed a limit or are not a picture.
  mutating func look(at arrived: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError) {
    if codec == nil {
      if recognition == .open { recognition = unsafe Recognition(of: arrived.bytes, isWhole: false) }
      codec = try recognition.codecIfDecided()?.init(limits: limits, isProbing: isProbing)
    }
    // Taken out of `self`, so that a step changes it in place and does not copy it first.
    guard var codec = codec.take() else { return }
    defer { self.codec = codec }
    while try unsafe codec.reachesMilestone(in: arrived, deadline: deadline) {
      if info == nil {
        if let whole = try unsafe wholeHeader(arrived, from: codec, deadline) {
          codec = whole.codec
          info = whole.info
        } else {
          info = try unsafe inspect(arrived, codec, deadline)
        }
      }
      try unsafe takeMetadata(of: codec, in: arrived)
    }
    try unsafe takeMetadata(of: codec, in: arrived)
  }

  /// Looks at a file of which no more will come. If it ends within its header, the codec says what is missing.
  mutating func finish(
    _ file: UnsafeRawBufferPointer, deadline: WorkDeadline
  ) throws(BitmapError) -> (codec: any PictureCodec, info: PictureInfo) {
    try unsafe look(at: file, deadline: deadline)
    if let codec, let info { return (codec, info) }
    let codec: any PictureCodec
    if let known = self.codec {
      codec = known
    } else {
      codec = try unsafe Recognition(of: file.bytes).codec().init(limits: limits, isProbing: isProbing)
    }
    return try unsafe (codec, codec.inspect(file, endsAtSize: false, deadline: deadline))
  }

  /// The header, and the codec that has walked to its end, if it has arrived whole and nothing is wrong with it. If
  /// something is wrong, nil: which error comes first is found by looking at one part after the other. Throws only if
  /// the work must end.
  private func wholeHeader(
    _ arrived: UnsafeRawBufferPointer, from codec: any PictureCodec, _ deadline: WorkDeadline
  ) throws(BitmapError) -> (codec: any PictureCodec, info: PictureInfo)? {
    guard codec.metadata.milestone == .size else { return nil }
    var ahead = codec
    do throws(BitmapError) {
      guard try unsafe ahead.reachesMilestone(in: arrived, deadline: deadline),
        let info = try unsafe inspect(arrived, ahead, deadline)
      else { return nil }
      return (ahead, info)
    } catch {
      if error.code == .cancelled || error.exceededLimit?.name == WorkDeadline.limitName { throw error }
      return nil
    }
  }

  /// Reads the header up to the milestone; nil if that is too little of it.
  private func inspect(
    _ arrived: UnsafeRawBufferPointer, _ codec: any PictureCodec, _ deadline: WorkDeadline
  ) throws(BitmapError) -> PictureInfo? {
    let metadata = codec.metadata
    let header = unsafe UnsafeRawBufferPointer(rebasing: arrived[..<min(arrived.count, metadata.headerByteCount)])
    do throws(BitmapError) {
      let found = try unsafe codec.inspect(header, endsAtSize: metadata.milestone == .size, deadline: deadline)
      // The size is checked even if the header is not whole yet, because the size is known already.
      try check(found)
      return found.isHeaderWhole ? found : nil
    } catch {
      guard error.code == .truncated else { throw error }
    }
    if let (width, height) = metadata.declaredSize {
      try check(PictureInfo(format: metadata.format, width: width, height: height, pixelFormat: .gray8))
    }
    return nil
  }

  /// Adds what is known about the data beside the pixels to `info`.
  private mutating func takeMetadata(
    of codec: any PictureCodec, in arrived: UnsafeRawBufferPointer
  ) throws(BitmapError) {
    guard var found = info else { return }
    let metadata = codec.metadata
    found.embeddedByteCount = metadata.byteCount
    found.frameCount = max(1, metadata.frameCount)
    found.exifByteCount = metadata.exif?.count ?? 0
    found.orientation = metadata.orientation ?? .upright
    if metadata.icc != icc {
      let profile = try unsafe codec.colorProfile(in: arrived)
      found.colorProfile = profile ?? .sRGB
      isProfileUnreadable = profile == nil
      icc = metadata.icc
    }
    // The order of warnings does not depend on when each was found.
    found.warnings = metadata.warnings
    if metadata.exif != nil, metadata.orientation == nil {
      PictureWarning.add(.damagedExif, to: &found.warnings)
    }
    if isProfileUnreadable {
      PictureWarning.add(.damaged("ICC data", "it is not whole, or no ICC data"), to: &found.warnings)
    }
    if !hasMetadata { try check(found) }
    hasMetadata = true
    info = found
  }

  private func check(_ found: PictureInfo) throws(BitmapError) {
    guard !isProbing else { return }
    try limits.check(found, denominator: found.strongestDenominator(minimumWidth: minimumWidth))
  }
}
