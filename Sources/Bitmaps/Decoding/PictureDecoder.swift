// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

/// Decodes a picture whose bytes arrive in pieces, for example from a socket.
///
///     var decoder = PictureDecoder()
///     for piece in pieces {
///       let pin = try piece.pin()
///       try decoder.append(pin.bytes)
///     }
///     let photo = try decoder.finish()
///
/// The header is read as soon as enough bytes have arrived. From then on ``info`` is known, and a file that exceeds a
/// limit, or is not a picture, is refused, however much of it is still to come. Data beside the pixels is refused, too,
/// wherever it lies, as soon as more of it has arrived than is allowed. (The length that a segment or chunk declares is
/// not enough to refuse it, because the length can be damaged.)
///
/// ``finish(format:appliesOrientation:)`` decodes the pixels. Until then the bytes are kept in a native buffer that
/// grows with them. It has at least 4,096 bytes, else at most twice what has arrived and at most
/// ``DecodingLimits/encodedByteCount``. It is released by `finish`, or when the decoder is destroyed.
///
/// A decoder belongs to one owner at a time, and to no thread: it can be made on one thread, fed on others, one after
/// another, and finished on yet another. An actor or a class keeps it as an optional, because `finish` ends it:
/// `take()` hands it over. If its owner dies before that, the decoder releases the bytes that have arrived; no report
/// calls that a rescue.
///
///     actor Upload {
///       private var decoder: PictureDecoder? = PictureDecoder()
///       func receive(_ piece: [UInt8]) throws { try decoder?.append(piece) }
///       func finish() throws -> Bitmap? { try decoder.take()?.finish() }
///     }
///
/// The pieces make no difference: a file gives the same pixels and warnings, or the same error, as it does in one
/// piece. Only ``DecodingLimits/encodedByteCount`` is checked at once for a whole file, and here when that many bytes
/// have arrived.
public struct PictureDecoder: ~Copyable, Sendable {
  let limits: DecodingLimits
  private let context: AllocationContext
  private var buffer: NativeBuffer?
  private var capacity = 0
  /// How many bytes have arrived.
  public private(set) var byteCount = 0
  /// What is known of the picture; nil until enough of its header has arrived.
  ///
  /// Size and pixel format are known when the last byte of the header has arrived, and do not change. (If a WebP has an
  /// ICC profile or alpha, its header ends behind those. A file that exceeds a limit is refused earlier.) The rest
  /// describes what has arrived so far. The following become known with the segment or chunk that holds them: EXIF
  /// data, and with it ``PictureInfo/orientation`` and ``PictureInfo/uprightWidth``; the colour profile; the amount of
  /// data beside the pixels; the warnings. In a JPEG and a PNG, the orientation lies ahead of the pixels. In a WebP it
  /// can lie at the end of the file, so the upright size is certain only there.
  public var info: PictureInfo? { header.info }
  private var header: IncrementalHeaderParser
  private let minimumWidth: Int?
  /// The time spent in calls that have returned.
  private var spent = Duration.zero

  /// - Parameters:
  ///   - minimumWidth: As for
  ///     ``Bitmap/init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``. It is
  ///     needed here, because ``DecodingLimits/pixelCount`` counts the pixels of the picture as it will be decoded.
  ///   - limits: What the picture may cost.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  public init(
    minimumWidth: Int? = nil, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) {
    self.limits = limits
    self.minimumWidth = minimumWidth
    header = IncrementalHeaderParser(minimumWidth: minimumWidth, limits: limits)
    context = AllocationContext(arena: arena, file: file, line: line, function: function)
  }

  deinit {
    if let buffer { context.dispose(buffer) }
  }

  /// Takes the next bytes, and copies them. The amortised cost is one or two copies of each byte, and one step for each
  /// segment or chunk: the header is not read again for each piece.
  ///
  /// The time that this takes counts for ``DecodingLimits/wallTime``, together with that of earlier calls and of
  /// `finish`; the time between calls does not count. Cancellation of the task is checked.
  ///
  /// - Throws: `notAPicture`, `unsupported`, `corrupt` or `limitExceeded`, as soon as the bytes that have arrived show
  ///   it; `outOfMemory` if there is no memory for the bytes; `cancelled` if the calling task is cancelled. After an
  ///   error the decoder cannot be used any more, and should be discarded.
  public mutating func append(_ bytes: RawSpan) throws(BitmapError) {
    let deadline = WorkDeadline(wallTime: limits.wallTime, format: info?.format, spent: spent)
    defer { spent = deadline.elapsed }
    try deadline.check()
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
        // SAFETY: `reserve` has made room for these bytes in the buffer.
        unsafe UnsafeMutableRawBufferPointer(rebasing: target[start...]).copyMemory(from: source)
      }
    }
    byteCount += bytes.byteCount
    try look(deadline)
  }

  /// Decodes the bytes that have arrived, like
  /// `Bitmap/init(decoding:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)`.
  public consuming func finish(
    format: PixelFormat? = nil, appliesOrientation: Bool = true
  ) throws(BitmapError) -> Bitmap {
    guard let buffer else { throw BitmapError(.notAPicture, "there is nothing in it: 0 bytes.") }
    let (count, parser, context) = (byteCount, header, context)
    let options = DecodingOptions(
      format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation, limits: limits)
    let deadline = WorkDeadline(wallTime: limits.wallTime, format: parser.format, spent: spent)
    return try unsafe buffer.reading { bytes throws(BitmapError) in
      let bytes = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<count])
      let header = try unsafe PictureHeader(bytes, parser, options, deadline: deadline)
      return try unsafe Bitmap(bytes, header, options, context: context, deadline: deadline)
    }
  }

  private mutating func reserve(_ needed: Int) throws(BitmapError) {
    guard needed > capacity else { return }
    let newCapacity = max(needed, min(2 * capacity, limits.encodedByteCount), 4096)
    let grown = try context.buffer(byteCount: newCapacity)
    if let old = buffer {
      let count = byteCount
      do throws(BitmapError) {
        try unsafe old.reading { source throws(BitmapError) in
          try unsafe grown.writing { target throws(BitmapError) in
            unsafe target.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<count]))
          }
        }
      } catch {
        context.dispose(grown)
        throw error
      }
      context.dispose(old)
    }
    buffer = grown
    capacity = newCapacity
  }

  private mutating func look(_ deadline: WorkDeadline) throws(BitmapError) {
    guard let buffer else { return }
    let (count, known) = (byteCount, header)
    header = try unsafe buffer.reading { bytes throws(BitmapError) in
      var newer = known
      try unsafe newer.look(at: UnsafeRawBufferPointer(rebasing: bytes[..<count]), deadline: deadline)
      return newer
    }
  }
}
