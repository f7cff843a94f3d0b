public import NativeBuffers

extension Bitmap {
  /// The bitmap as a baseline JPEG, in a native buffer, with the ICC data of ``colorProfile``, as all formats that can
  /// hold it.
  ///
  /// JPEG knows no alpha and 8 bits a channel: transparent pixels are laid on white, and more bits are rounded, which
  /// costs a copy of the picture.
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
    return try encodedJPEG(quality: quality, comment: nil, maximumByteCount: maximumByteCount, origin: origin)
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
    try writeJPEG(
      toFileAt: path, quality: quality, comment: nil, arena: arena, file: file, line: line, function: function)
  }

  /// The same with a comment in the file's header, of at most 65,533 bytes of UTF-8 and without a NUL.
  package func writeJPEG(
    toFileAt path: String, quality: Int, comment: String?, arena: Arena?,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    do throws(BitmapError) {
      let picture = try encodedJPEG(quality: quality, comment: comment, maximumByteCount: .max, origin: origin)
      defer { origin.dispose(picture.buffer) }
      try picture.write(toFileAt: path)
    } catch {
      throw error.naming(path)
    }
  }

  private func encodedJPEG(
    quality: Int, comment: String?, maximumByteCount: Int, origin: Origin
  ) throws(BitmapError) -> EncodedPicture {
    guard (1...100).contains(quality) else {
      throw BitmapError(.invalidArgument, "a JPEG quality of \(quality) cannot be; give 1 to 100.", format: .jpeg)
    }
    if format.hasAlpha || format.codecLayout == nil {
      let flattened = try converted(to: format.isGray ? .gray8 : .rgb8, origin: origin)
      defer { origin.dispose(flattened) }
      return try flattened.encodedJPEG(
        quality: quality, comment: comment, maximumByteCount: maximumByteCount, origin: origin)
    }
    // Half a byte per pixel holds nearly every photo. Where it does not, the codec says what it takes.
    return try unsafe EncodedPicture(
      format: .jpeg, of: self, firstCapacity: width * height / 2 + profileByteCount + 32_768,
      maximumByteCount: maximumByteCount,
      origin: origin
    ) { bytes throws(BitmapError) in
      try unsafe JPEGCodec.encode(self, quality: quality, comment: comment, into: bytes)
    }
  }

  /// The bitmap as a PNG, in a native buffer. Every pixel is kept exactly, alpha too; of premultiplied formats, what they
  /// are as `rgba8`. Formats of floats are refused (`unsupported`).
  ///
  /// Costs, beside the result, memory as for the uncompressed picture while this runs, of which only what the file takes
  /// is touched; libpng and zlib take some 300 KB of malloc's, and give all of it back.
  ///
  /// - Parameters:
  ///   - compression: zlib's level, 0 (none) to 9 (smallest). Levels above 6 take several times longer and gain little.
  ///   - maximumByteCount: The most that the file may have; more throws `limitExceeded` with the size it would have.
  /// - Throws: `invalidArgument`, `limitExceeded`, `outOfMemory`, `pixelsUnavailable`; `unsupported` where a side is
  ///   beyond PNG's 2,147,483,647.
  public func encodedPNG(
    compression: Int = 6, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    let picture = try encodedPNG(compression: compression, maximumByteCount: maximumByteCount, origin: origin)
    return try picture.trimmed(origin: origin)
  }

  /// Writes the bitmap as a PNG file, at once or not at all, as
  /// ``writeJPEG(toFileAt:quality:arena:file:line:function:)`` does.
  ///
  /// - Throws: as ``encodedPNG(compression:maximumByteCount:arena:file:line:function:)``, and `unwritableFile`.
  public func writePNG(
    toFileAt path: String, compression: Int = 6, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    do throws(BitmapError) {
      let picture = try encodedPNG(compression: compression, maximumByteCount: .max, origin: origin)
      defer { origin.dispose(picture.buffer) }
      try picture.write(toFileAt: path)
    } catch {
      throw error.naming(path)
    }
  }

  private func encodedPNG(
    compression: Int, maximumByteCount: Int, origin: Origin
  ) throws(BitmapError) -> EncodedPicture {
    guard (0...9).contains(compression) else {
      throw BitmapError(.invalidArgument, "a PNG compression of \(compression) cannot be; give 0 to 9.", format: .png)
    }
    guard format.channel != .float32 else {
      throw BitmapError(
        .unsupported,
        "a PNG has 8 or 16 bits a channel, and \(format) more. Convert the bitmap to rgba16 or gray16 before, "
          + "which rounds it.", format: .png)
    }
    if format.codecLayout == nil && format.wideCodecLayout == nil {
      let straight = try converted(to: .rgba8, origin: origin)
      defer { origin.dispose(straight) }
      return try straight.encodedPNG(compression: compression, maximumByteCount: maximumByteCount, origin: origin)
    }
    return try unsafe EncodedPicture(
      format: .png, of: self, firstCapacity: PNGCodec.byteCountBound(of: self) + 2 * profileByteCount,
      maximumByteCount: maximumByteCount,
      origin: origin
    ) { bytes throws(BitmapError) in
      try unsafe PNGCodec.encode(self, compression: compression, into: bytes)
    }
  }

  var profileByteCount: Int { colorProfile.iccData?.count ?? 0 }
}
