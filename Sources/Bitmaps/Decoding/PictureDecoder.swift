public import NativeBuffers

/// Decodes a picture whose bytes arrive in pieces, as from a socket.
///
/// The header is read as soon as enough bytes are there: then ``info`` is known, and a picture that is beyond a limit, or
/// none at all, is refused, however much of it is still to come. So is data beside the pixels, wherever it lies, as soon as
/// more of it arrived than allowed. (That a segment or chunk declares to be longer is not enough: it can be damage.) Pixels
/// are decoded by ``finish(format:appliesOrientation:)``:
/// until then the bytes are kept in a native buffer that grows with them, at most twice as large as what arrived, and
/// never beyond ``DecodingLimits/encodedByteCount``. Released by `finish`, or when the decoder goes.
///
/// In whatever pieces it comes, a file ends as it does as a whole: as the same pixels and warnings, or with the same error. Only
/// ``DecodingLimits/encodedByteCount`` is known at once of a whole file, and here when so much has arrived.
public struct PictureDecoder: ~Copyable {
  let limits: DecodingLimits
  private let origin: Origin
  private var buffer: NativeBuffer?
  private var capacity = 0
  /// What has arrived, in bytes.
  public private(set) var byteCount = 0
  /// What is known of the picture; nil while too little of its header is there.
  ///
  /// Size and pixel format are known from the last byte of the header on, and stay. (The header of a WebP with an ICC
  /// profile or alpha ends behind those. What is beyond a limit is refused before.) The rest is what arrived so far: EXIF
  /// data, and with it ``PictureInfo/orientation`` and ``PictureInfo/uprightWidth``, the colour profile, the amount of data
  /// beside the pixels and the warnings come with the segment or chunk that holds them. In a JPEG and a PNG, what says how the
  /// picture is turned is ahead of the pixels; in a WebP it can be at the end of the file, so that only then the upright size is
  /// certain.
  public var info: PictureInfo? { header.info }
  private var header: ArrivingHeader
  private let minimumWidth: Int?
  /// In calls that returned.
  private var spent = Duration.zero

  /// - Parameter minimumWidth: As of
  ///   ``Bitmap/init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``. Asked for
  ///   here, since ``DecodingLimits/pixelCount`` counts the pixels of the picture as it will be decoded.
  public init(
    minimumWidth: Int? = nil, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) {
    self.limits = limits
    self.minimumWidth = minimumWidth
    header = ArrivingHeader(minimumWidth: minimumWidth)
    origin = Origin(arena: arena, file: file, line: line, function: function)
  }

  deinit {
    if let buffer { origin.dispose(buffer) }
  }

  /// Takes the next bytes, which are copied. Amortised, a copy or two of each byte, and a step for each segment or chunk:
  /// the header is not read again for each piece.
  ///
  /// The time that this takes counts for ``DecodingLimits/wallTime``, together with that of the calls before and of
  /// `finish`, and the task's cancellation is looked at; what the caller does between calls does not count.
  ///
  /// - Throws: `notAPicture`, `unsupported`, `corrupt`, `limitExceeded`, as soon as what arrived says so; `outOfMemory`,
  ///   `cancelled`. After an error the decoder is of no use, and should be let go.
  public mutating func append(_ bytes: RawSpan) throws(BitmapError) {
    let watch = WorkWatch(wallTime: limits.wallTime, format: info?.format, spent: spent)
    defer { spent = watch.elapsed }
    try watch.check()
    guard bytes.byteCount > 0 else { return }
    guard bytes.byteCount <= limits.encodedByteCount - byteCount else {
      throw BitmapError(
        exceeding: .init(
          name: "encodedByteCount", needed: byteCount + bytes.byteCount, allowed: limits.encodedByteCount,
          unit: "bytes"),
        format: info?.format, subject: "what arrived of this picture")
    }
    try reserve(byteCount + bytes.byteCount)
    guard let buffer else { return }
    let start = byteCount
    try unsafe bytes.reading { source throws(BitmapError) in
      try unsafe buffer.writing { target throws(BitmapError) in
        // SAFETY: the buffer has room for what was reserved.
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: source)
      }
    }
    byteCount += bytes.byteCount
    try look(watch)
  }

  /// Decodes what arrived, as ``Bitmap/init(decoding:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``.
  public consuming func finish(
    format: PixelFormat? = nil, appliesOrientation: Bool = true
  ) throws(BitmapError) -> Bitmap {
    guard let buffer else { throw BitmapError(.notAPicture, "there is nothing in it: 0 bytes.") }
    let (count, minimumWidth, limits, origin) = (byteCount, minimumWidth, limits, origin)
    let watch = WorkWatch(wallTime: limits.wallTime, spent: spent)
    return try unsafe buffer.reading { bytes throws(BitmapError) in
      try unsafe Bitmap(
        UnsafeRawBufferPointer(rebasing: bytes[..<count]), format: format, minimumWidth: minimumWidth,
        appliesOrientation: appliesOrientation, limits: limits, origin: origin, watch: watch)
    }
  }

  private mutating func reserve(_ needed: Int) throws(BitmapError) {
    guard needed > capacity else { return }
    let newCapacity = max(needed, min(2 * capacity, limits.encodedByteCount), 4096)
    let grown = try origin.buffer(byteCount: newCapacity)
    if let old = buffer {
      let count = byteCount
      do throws(BitmapError) {
        try unsafe old.reading { source throws(BitmapError) in
          try unsafe grown.writing { target throws(BitmapError) in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
          }
        }
      } catch {
        origin.dispose(grown)
        throw error
      }
      origin.dispose(old)
    }
    buffer = grown
    capacity = newCapacity
  }

  private mutating func look(_ watch: WorkWatch) throws(BitmapError) {
    guard let buffer else { return }
    let (count, limits, known) = (byteCount, limits, header)
    header = try unsafe buffer.reading { bytes throws(BitmapError) in
      var newer = known
      try unsafe newer.look(at: UnsafeRawBufferPointer(rebasing: bytes[..<count]), limits: limits, watch: watch)
      return newer
    }
  }
}
