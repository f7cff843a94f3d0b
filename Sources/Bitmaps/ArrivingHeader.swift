/// What is known of a picture of which more and more arrives.
///
/// Each look goes on where the last one ended. The codecs' libraries, which cannot, are asked at most twice: when the
/// part of the header with the size is there, so that what is wrong with it is found, and when all of the header is.
struct ArrivingHeader {
  /// Nil while too little of the header is there.
  private(set) var info: PictureInfo?
  private var format: PictureFormat?
  /// What the picture will be reduced to while it is decoded.
  private let minimumWidth: Int?
  private var embedded: EmbeddedData?
  private var netpbm = NetpbmHeaderReader()

  init(minimumWidth: Int?) { self.minimumWidth = minimumWidth }

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
    let known = embedded ?? EmbeddedData(format: format)
    var newer = known
    try unsafe newer.walk(arrived.bytes, watch: watch, limits: limits)
    embedded = newer
    if var found = info {
      try unsafe found.take(newer, since: known, in: arrived, limits: limits)
      info = found
    } else if newer.milestone != known.milestone {
      guard var found = try unsafe inspect(arrived, newer, limits, watch) else { return }
      try unsafe found.take(newer, since: nil, in: arrived, limits: limits)
      try check(found, limits)
      info = found
    }
  }

  private func inspect(
    _ arrived: UnsafeRawBufferPointer, _ embedded: EmbeddedData, _ limits: DecodingLimits, _ watch: WorkWatch
  ) throws(BitmapError) -> PictureInfo? {
    do throws(BitmapError) {
      let found = try unsafe PictureInfo(headerOf: arrived, format: embedded.format, limits: limits, watch: watch)
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
    try limits.check(found, denominator: found.strongestDenominator(minimumWidth: minimumWidth))
  }
}
