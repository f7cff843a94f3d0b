// SPDX-License-Identifier: Apache-2.0

/// What is known of a picture whose bytes arrive in pieces, or all at once.
///
/// Each look continues where the last one ended. The codecs' libraries cannot continue, so they are asked at most
/// twice: when the part of the header with the size has arrived, so that errors in it are found, and when the whole
/// header has arrived. They get the header up to that point and no byte more, and limits are checked in the file's
/// order. So the result does not depend on the pieces.
struct IncrementalHeaderParser {
  /// Nil until enough of the header has arrived.
  private(set) var info: PictureInfo?
  /// False if the picture is only probed: its sizes are then reported, and not limited.
  private let limitsSizes: Bool
  private var format: PictureFormat?
  /// The least width that decoding may reduce the picture to; nil if decoding does not reduce it.
  private let minimumWidth: Int?
  private var embedded: MetadataScanner?
  /// The part of `embedded` that `info` includes.
  private var taken: MetadataScanner?
  private var netpbm = NetpbmHeaderReader()

  init(minimumWidth: Int? = nil, limitsSizes: Bool = true) {
    self.minimumWidth = minimumWidth
    self.limitsSizes = limitsSizes
  }

  /// `arrived` begins with the bytes of the last look. Throws if the bytes exceed a limit or are not a picture.
  mutating func look(
    at arrived: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkDeadline
  ) throws(BitmapError) {
    if format == nil { format = try unsafe PictureFormat.decodable(arrived.bytes, isWhole: false) }
    guard let format else { return }
    if format == .netpbm {
      guard info == nil, let header = try unsafe netpbm.read(arrived, limits: limits, watch: watch) else { return }
      let found = PictureInfo(header)
      try check(found, limits)
      info = found
      return
    }
    var newer = embedded ?? MetadataScanner(format: format)
    var hasMore = true
    while hasMore {
      hasMore = try unsafe newer.walk(arrived.bytes, watch: watch, limits: limitsSizes ? limits : nil)
      embedded = newer
      if info == nil, hasMore { info = try unsafe inspect(arrived, newer, limits, watch) }
      guard var found = info else { continue }
      try unsafe found.take(newer, since: taken, in: arrived, limits: limits)
      if taken == nil { try check(found, limits) }
      taken = newer
      info = found
    }
  }

  private func inspect(
    _ arrived: UnsafeRawBufferPointer, _ embedded: MetadataScanner, _ limits: DecodingLimits, _ watch: WorkDeadline
  ) throws(BitmapError) -> PictureInfo? {
    let header = unsafe UnsafeRawBufferPointer(rebasing: arrived[..<min(arrived.count, embedded.headerByteCount)])
    do throws(BitmapError) {
      let found = try unsafe PictureInfo(
        headerOf: header, endsAtSize: embedded.milestone == .size, format: embedded.format, limits: limits, watch: watch
      )
      // The size is checked even if the header is not whole yet, because the size is known already.
      try check(found, limits)
      return found.isHeaderWhole ? found : nil
    } catch {
      guard error.code == .truncated else { throw error }
    }
    if let (width, height) = embedded.declaredSize {
      let found = PictureInfo(
        format: embedded.format, width: width, height: height, pixelFormat: .gray8, isProgressive: false,
        codecByteCount: 0)
      try check(found, limits)
    }
    return nil
  }

  private func check(_ found: PictureInfo, _ limits: DecodingLimits) throws(BitmapError) {
    guard limitsSizes else { return }
    try limits.check(found, denominator: found.strongestDenominator(minimumWidth: minimumWidth))
  }
}
