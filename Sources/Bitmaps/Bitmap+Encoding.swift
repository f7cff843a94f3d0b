public import NativeBuffers

extension Bitmap {
  /// The bitmap as a baseline JPEG, in a native buffer.
  ///
  /// JPEG knows no alpha: transparent pixels are laid on white, which costs a copy of the picture.
  ///
  /// - Parameters:
  ///   - quality: 1 to 100, on libjpeg's scale. From 90 on, files grow much faster than they gain.
  ///   - maximumByteCount: The most that the file may have; more throws `limitExceeded` with the size it would have.
  /// - Throws: `invalidArgument`, `limitExceeded`, `outOfMemory`, `pixelsUnavailable`; `unsupported` where a side is
  ///   beyond JPEG's 65,500.
  public func encodedJPEG(
    quality: Int = 85, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    return try encodedJPEG(quality: quality, maximumByteCount: maximumByteCount, origin: origin)
  }

  /// Writes the bitmap as a JPEG file, at once or not at all.
  ///
  /// The bytes go to a temporary file in the same folder, which then takes the name; on any error it is removed, and a
  /// file that had the name is untouched. Readers see the old file or the new one, never a part. Not promised: that the
  /// file survives a loss of power right after.
  ///
  /// - Throws: as ``encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``, and `unwritableFile`.
  public func writeJPEG(
    toFileAt path: String, quality: Int = 85, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    do throws(BitmapError) {
      let picture = try encodedJPEG(quality: quality, maximumByteCount: .max, origin: origin)
      defer { origin.dispose(picture.buffer) }
      try unsafe picture.buffer.reading { bytes throws(BitmapError) in
        try unsafe AtomicFile.write(UnsafeRawBufferPointer(rebasing: bytes[..<picture.byteCount]), toFileAt: path)
      }
    } catch {
      throw error.naming(path)
    }
  }

  private func encodedJPEG(quality: Int, maximumByteCount: Int, origin: Origin) throws(BitmapError) -> EncodedPicture {
    guard (1...100).contains(quality) else {
      throw BitmapError(.invalidArgument, "a JPEG quality of \(quality) cannot be; give 1 to 100.", format: .jpeg)
    }
    guard maximumByteCount >= 0 else {
      throw BitmapError(.invalidArgument, "a file cannot have \(maximumByteCount) bytes.", format: .jpeg)
    }
    if format.hasAlpha {
      let flattened = try converted(to: .rgb8, origin: origin)
      defer { origin.dispose(flattened) }
      return try flattened.encodedJPEG(quality: quality, maximumByteCount: maximumByteCount, origin: origin)
    }
    // Half a byte per pixel holds nearly every photo. Where it does not, the codec says what it takes.
    let first = min(width * height / 2 + 32_768, maximumByteCount)
    switch try encodedJPEG(quality: quality, capacity: first, origin: origin) {
    case .done(let picture):
      return picture
    case .needs(let byteCount):
      guard byteCount <= maximumByteCount else {
        throw BitmapError(
          exceeding: .init(name: "maximumByteCount", needed: byteCount, allowed: maximumByteCount, unit: "bytes"),
          format: .jpeg, subject: "this JPEG of \(width)×\(height)")
      }
      guard case .done(let picture) = try encodedJPEG(quality: quality, capacity: byteCount, origin: origin) else {
        throw BitmapError(.pixelsUnavailable, "the pixels changed while they were encoded.", format: .jpeg)
      }
      return picture
    }
  }

  private enum Attempt {
    case done(EncodedPicture)
    case needs(byteCount: Int)
  }

  private func encodedJPEG(quality: Int, capacity: Int, origin: Origin) throws(BitmapError) -> Attempt {
    let buffer = try origin.buffer(byteCount: capacity)
    do throws(BitmapError) {
      let result = try unsafe buffer.writing { bytes throws(BitmapError) in
        try unsafe JPEGCodec.encode(self, quality: quality, into: bytes)
      }
      switch result {
      case .fits(let byteCount):
        return .done(EncodedPicture(format: .jpeg, byteCount: byteCount, buffer: buffer))
      case .needs(let byteCount):
        origin.dispose(buffer)
        return .needs(byteCount: byteCount)
      }
    } catch {
      origin.dispose(buffer)
      throw error
    }
  }
}
