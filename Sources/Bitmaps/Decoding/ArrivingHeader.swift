/// What is known of a picture of which more and more arrives, or all at once.
///
/// Each look goes on where the last one ended. The codecs' libraries, which cannot, are asked at most twice: when the
/// part of the header with the size is there, so that what is wrong with it is found, and when all of the header is.
/// They get the header up to there and no byte more, and limits are looked at in the file's order: so what is found does
/// not depend on the pieces.
struct ArrivingHeader {
  /// Nil while too little of the header is there.
  private(set) var info: PictureInfo?
  /// False where a picture is only looked at: its sizes are reported, and not limited.
  private let limitsSizes: Bool
  private var format: PictureFormat?
  /// What the picture will be reduced to while it is decoded.
  private let minimumWidth: Int?
  private var embedded: EmbeddedData?
  /// What `info` knows of it.
  private var taken: EmbeddedData?
  private var netpbm = NetpbmHeaderReader()

  init(minimumWidth: Int? = nil, limitsSizes: Bool = true) {
    self.minimumWidth = minimumWidth
    self.limitsSizes = limitsSizes
  }

  /// `arrived` begins with the bytes of the last look. Throws where they are beyond a limit, or no picture.
  mutating func look(
    at arrived: UnsafeRawBufferPointer, limits: DecodingLimits, watch: WorkWatch
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
    var newer = embedded ?? EmbeddedData(format: format)
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
    _ arrived: UnsafeRawBufferPointer, _ embedded: EmbeddedData, _ limits: DecodingLimits, _ watch: WorkWatch
  ) throws(BitmapError) -> PictureInfo? {
    let header = unsafe UnsafeRawBufferPointer(rebasing: arrived[..<min(arrived.count, embedded.headerByteCount)])
    do throws(BitmapError) {
      let found = try unsafe PictureInfo(
        headerOf: header, endsAtSize: embedded.milestone == .size, format: embedded.format, limits: limits, watch: watch
      )
      // Also of a header that is not whole: its size is there already.
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
