// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

// Functions that take the bytes of a picture accept a `RawSpan`, a `Span` or a collection, so that a client in strict
// mode needs no unsafe code, whatever type its bytes have.

extension Bitmap {
  /// Decodes a picture that is in memory, as a span of bytes. Otherwise like
  /// ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``.
  public init(
    decoding bytes: Span<UInt8>, format: PixelFormat? = nil, minimumWidth: Int? = nil,
    appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    // SAFETY: a byte has no padding. The same holds for every `unsafe` conversion below.
    try self.init(
      decoding: unsafe bytes.bytes, format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation,
      limits: limits, arena: arena, file: file, line: line, function: function)
  }

  /// Decodes a picture that is in memory, as an array, a slice of an array, Foundation's `Data`, NIO's
  /// `ByteBufferView`, or another collection. A collection that lies in one piece, as these do, is not copied; any
  /// other is copied to Swift's heap. Otherwise like
  /// ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``.
  public init(
    decoding bytes: some Collection<UInt8>, format: PixelFormat? = nil, minimumWidth: Int? = nil,
    appliesOrientation: Bool = true, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    self = try bytes.withByteSpan(limits) { bytes throws(BitmapError) in
      try Bitmap(
        decoding: bytes, format: format, minimumWidth: minimumWidth, appliesOrientation: appliesOrientation,
        limits: limits, arena: arena, file: file, line: line, function: function)
    }
  }

  /// Like ``replacePixels(decoding:appliesOrientation:limits:arena:file:line:function:)``, from a span of bytes.
  public mutating func replacePixels(
    decoding bytes: Span<UInt8>, appliesOrientation: Bool = true, limits: DecodingLimits = .default,
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    try replacePixels(
      decoding: unsafe bytes.bytes, appliesOrientation: appliesOrientation, limits: limits, arena: arena, file: file,
      line: line, function: function)
  }

  /// Like ``replacePixels(decoding:appliesOrientation:limits:arena:file:line:function:)``, from an array or another
  /// collection, which is copied only if it does not lie in one piece.
  public mutating func replacePixels(
    decoding bytes: some Collection<UInt8>, appliesOrientation: Bool = true, limits: DecodingLimits = .default,
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    try bytes.withByteSpan(limits) { bytes throws(BitmapError) in
      try replacePixels(
        decoding: bytes, appliesOrientation: appliesOrientation, limits: limits, arena: arena, file: file, line: line,
        function: function)
    }
  }

  /// Like ``encode(as:into:arena:file:line:function:)``, into a span of bytes.
  public func encode(
    as encoding: PictureEncoding, into target: inout MutableSpan<UInt8>, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Int {
    var bytes = unsafe target.mutableBytes
    return try encode(as: encoding, into: &bytes, arena: arena, file: file, line: line, function: function)
  }
}

extension PictureDecoder {
  /// Takes the next bytes from a span, and copies them: see ``append(_:)``.
  public mutating func append(_ bytes: Span<UInt8>) throws(BitmapError) { try append(unsafe bytes.bytes) }

  /// Takes the next bytes from an array or another collection, and copies them: see ``append(_:)``. A collection that
  /// does not lie in one piece is copied twice.
  public mutating func append(_ bytes: some Collection<UInt8>) throws(BitmapError) {
    try bytes.withByteSpan(limits) { bytes throws(BitmapError) in try append(bytes) }
  }
}

extension PictureInfo {
  /// Reads the header of an encoded picture in a span of bytes, like ``init(probing:limits:)``.
  public init(probing bytes: Span<UInt8>, limits: DecodingLimits = .default) throws(BitmapError) {
    try self.init(probing: unsafe bytes.bytes, limits: limits)
  }

  /// Reads the header of an encoded picture in an array or another collection, like ``init(probing:limits:)``. The
  /// collection is copied only if it does not lie in one piece.
  public init(probing bytes: some Collection<UInt8>, limits: DecodingLimits = .default) throws(BitmapError) {
    self = try bytes.withByteSpan(limits) { bytes throws(BitmapError) in
      try PictureInfo(probing: bytes, limits: limits)
    }
  }

  /// Like ``exifData(of:limits:)``, from a span of bytes.
  public static func exifData(
    of bytes: Span<UInt8>, limits: DecodingLimits = .default
  ) throws(BitmapError) -> [UInt8]? {
    try exifData(of: unsafe bytes.bytes, limits: limits)
  }

  /// Like ``exifData(of:limits:)``, from an array or another collection, which is copied only if it does not lie in one
  /// piece.
  public static func exifData(
    of bytes: some Collection<UInt8>, limits: DecodingLimits = .default
  ) throws(BitmapError) -> [UInt8]? {
    try bytes.withByteSpan(limits) { bytes throws(BitmapError) in try exifData(of: bytes, limits: limits) }
  }
}

extension PictureFormat {
  /// Like ``init(recognizing:)``, from a span of bytes.
  public init?(recognizing bytes: Span<UInt8>) { self.init(recognizing: unsafe bytes.bytes) }

  /// Like ``init(recognizing:)``, from an array or another collection, of which at most ``signatureByteCount`` bytes
  /// are read.
  public init?(recognizing bytes: some Collection<UInt8>) {
    self.init(recognizing: Array(bytes.prefix(Self.signatureByteCount)).span)
  }
}

extension Collection<UInt8> {
  /// Calls `body` with the bytes: in place if they lie in one piece, else in a copy.
  ///
  /// The collection's own unsafe code hands out the address, as it does for the standard library. This module gives the
  /// collection no address. A copy is made only within the limit for encoded pictures.
  fileprivate func withByteSpan<R>(
    _ limits: DecodingLimits, _ body: (RawSpan) throws(BitmapError) -> R
  ) throws(BitmapError) -> R {
    let result: Result<R, BitmapError>? = withContiguousStorageIfAvailable { bytes in
      // SAFETY: the memory is valid until this closure returns, and a byte has no padding.
      let bytes = unsafe RawSpan(_unsafeElements: bytes)
      do throws(BitmapError) { return .success(try body(bytes)) } catch { return .failure(error) }
    }
    if let result { return try result.get() }
    let count = count
    guard count <= limits.encodedByteCount else {
      throw BitmapError(
        exceeding: .init(name: "encodedByteCount", needed: count, allowed: limits.encodedByteCount, unit: "bytes"),
        format: nil, subject: "this picture")
    }
    let copy = Array(self)
    return try body(unsafe copy.span.bytes)
  }
}
