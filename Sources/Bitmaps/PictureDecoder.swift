public import NativeBuffers

/// Decodes a picture whose bytes arrive in pieces, as from a socket.
///
/// The header is read as soon as enough bytes are there: then ``info`` is known, and a picture that is beyond a limit, or
/// none at all, is refused, however much of it is still to come. Pixels are decoded by ``finish(format:minimumWidth:appliesOrientation:)``:
/// until then the bytes are kept in a native buffer that grows with them, at most twice as large as what arrived, and
/// never beyond ``DecodingLimits/encodedByteCount``. Released by `finish`, or when the decoder goes.
public struct PictureDecoder: ~Copyable {
  private let limits: DecodingLimits
  private let origin: Origin
  private var buffer: NativeBuffer?
  private var capacity = 0
  /// What has arrived, in bytes.
  public private(set) var byteCount = 0
  /// What is known of the picture; nil while too little of its header is there.
  ///
  /// Size and pixel format are known from the header on, and stay: with the first 4,096 bytes as soon as the header is
  /// whole, later when at most a 64th more has arrived. (The header of a WebP with an ICC profile or alpha ends behind
  /// those. What is beyond a limit is refused before.) The rest is what arrived so far: EXIF data, and with it
  /// ``PictureInfo/orientation`` and ``PictureInfo/uprightWidth``, the colour profile and the amount of data beside the
  /// pixels come with the segment or chunk that holds them. In a JPEG those are ahead of the pixels; in a PNG and a WebP
  /// they can be at the end of the file, so that only then the upright size is certain.
  public private(set) var info: PictureInfo?
  private var embedded: EmbeddedData?
  /// The header is not looked at again before so many bytes are there, so that single bytes do not cost a look each.
  private var nextLook = 4

  public init(
    limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) {
    self.limits = limits
    origin = Origin(arena: arena, file: file, line: line, function: function)
  }

  deinit {
    if let buffer { origin.dispose(buffer) }
  }

  /// Takes the next bytes, which are copied. Amortised, a copy or two of each byte.
  ///
  /// - Throws: `notAPicture`, `unsupported`, `corrupt`, `limitExceeded`, as soon as what arrived says so; `outOfMemory`,
  ///   `cancelled`. After an error the decoder is of no use, and should be let go.
  public mutating func append(_ bytes: RawSpan) throws(BitmapError) {
    try WorkWatch().check()
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
    if info != nil { try lookForMore() } else if byteCount >= nextLook { try look() }
  }

  /// Decodes what arrived, as ``Bitmap/init(decoding:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``.
  public consuming func finish(
    format: PixelFormat? = nil, minimumWidth: Int? = nil, appliesOrientation: Bool = true
  ) throws(BitmapError) -> Bitmap {
    guard let buffer else { throw BitmapError(.notAPicture, "there is nothing in it: 0 bytes.") }
    let (count, limits, origin) = (byteCount, limits, origin)
    return try unsafe buffer.reading { bytes throws(BitmapError) in
      try unsafe Bitmap(
        UnsafeRawBufferPointer(rebasing: bytes[..<count]), format: format, minimumWidth: minimumWidth,
        appliesOrientation: appliesOrientation, limits: limits, origin: origin)
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

  private mutating func look() throws(BitmapError) {
    guard let buffer else { return }
    let (count, limits) = (byteCount, limits)
    nextLook = count < 4096 ? count + 1 : count + count / 64
    let found = try unsafe buffer.reading { bytes throws(BitmapError) -> PictureInfo? in
      let known = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
      do throws(BitmapError) {
        return try unsafe PictureInfo(inspecting: known, limits: limits)
      } catch {
        // A signature takes up to 16 bytes, and a header as long as it takes.
        if error.code == .truncated || error.code == .notAPicture && count < PictureFormat.signatureByteCount {
          return nil
        }
        throw error
      }
    }
    guard let found else { return }
    // Also of a header that is not whole: its size is there already.
    try limits.check(found)
    guard found.isHeaderWhole else { return }
    info = found
    embedded = try unsafe buffer.reading { bytes in
      unsafe EmbeddedData(of: UnsafeRawBufferPointer(rebasing: bytes[..<count]).bytes, format: found.format)
    }
  }

  /// Walks the segments or chunks that arrived since, each once, and reads what is found.
  private mutating func lookForMore() throws(BitmapError) {
    guard let buffer, let known = embedded, let info else { return }
    let (count, limits) = (byteCount, limits)
    let (newer, newerInfo) = try unsafe buffer.reading {
      bytes throws(BitmapError) -> (EmbeddedData, PictureInfo) in
      let arrived = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
      var (newer, newerInfo) = (known, info)
      unsafe newer.walk(arrived.bytes)
      if newer.byteCount != known.byteCount {
        try unsafe newerInfo.take(newer, in: arrived, limits: limits)
        try limits.check(newerInfo)
      }
      return (newer, newerInfo)
    }
    embedded = newer
    self.info = newerInfo
  }
}
