// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// Encodes the bitmap into the caller's memory. Returns how many bytes the file has; they are the first bytes of
  /// `target`.
  ///
  ///     let byteCount = try bitmap.encode(as: .jpeg(quality: 85), into: &span)
  ///
  /// No buffer is made for the file. ``encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``, and the
  /// function for each other format, says what else this costs. Formats are converted as there.
  ///
  /// - Parameters:
  ///   - encoding: The format of the file, with its options.
  ///   - target: Where the file is put, from its first byte on.
  ///   - arena: Where a converted copy of the picture is made, if the codec does not accept the format.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `limitExceeded` if the file does not fit, with the bytes that it needs and those that there are, so that
  ///   one retry is enough; else as the functions for the format. After an error, bytes of `target` may have changed.
  ///   Never writes past `target`.
  public func encode(
    as encoding: PictureEncoding, into target: inout MutableRawSpan, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Int {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let available = target.byteCount
    return try unsafe target.withUnsafeMutableBytes { bytes throws(BitmapError) in
      try withWritten(encoding, context: context) { bitmap throws(BitmapError) in
        switch try unsafe encoding.encoder.encode(bitmap, into: bytes) {
        case .fits(let byteCount): return byteCount
        case .needs(let byteCount):
          throw BitmapError(
            tooLarge: bitmap, encoding.format, limit: "target", needed: byteCount, allowed: available)
        }
      }
    }
  }

  /// The bitmap as the bytes of a file, in a native buffer.
  ///
  /// - Parameters:
  ///   - encoding: The format of the file, with its options.
  ///   - maximumByteCount: The greatest size of the file. A larger file throws `limitExceeded` with the size it would
  ///     have.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: As the function for the format, for example
  ///   ``encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``.
  public func encoded(
    as encoding: PictureEncoding, maximumByteCount: Int = .max, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> EncodedPicture {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    return try encoded(encoding, maximumByteCount: maximumByteCount, context: context).trimmed(context: context)
  }

  /// Writes the bitmap as a file, completely or not at all, like
  /// ``writeJPEG(toFileAt:quality:arena:file:line:function:)``.
  func write(_ encoding: PictureEncoding, toFileAt path: String, context: AllocationContext) throws(BitmapError) {
    let picture: EncodedPicture
    do { picture = try encoded(encoding, maximumByteCount: .max, context: context) } catch {
      throw error.naming(path)
    }
    defer { context.dispose(picture.buffer) }
    try picture.write(toFileAt: path)
  }

  private func encoded(
    _ encoding: PictureEncoding, maximumByteCount: Int, context: AllocationContext
  ) throws(BitmapError) -> EncodedPicture {
    try withWritten(encoding, context: context) { bitmap throws(BitmapError) in
      try EncodedPicture(encoding, of: bitmap, maximumByteCount: maximumByteCount, context: context)
    }
  }

  /// Calls `body` with this bitmap. If the codec does not accept its format, or the distance between its rows, calls
  /// `body` with a copy that the codec accepts.
  private func withWritten<R>(
    _ encoding: PictureEncoding, context: AllocationContext, _ body: (Bitmap) throws(BitmapError) -> R
  ) throws(BitmapError) -> R {
    let encoder = encoding.encoder
    try encoder.check()
    let written = try encoder.writtenFormat(for: format)
    let isTooFarApart = height > 1 && bytesPerRow > type(of: encoder).maximumBytesPerRow
    guard written != format || isTooFarApart else { return try body(self) }
    let converted = try written == format ? copied(context: context) : converted(to: written, context: context)
    defer { context.dispose(converted) }
    return try body(converted)
  }
}

extension BitmapError {
  init(tooLarge bitmap: Bitmap, _ format: PictureFormat, limit name: String, needed: Int, allowed: Int) {
    self.init(
      exceeding: .init(name: name, needed: needed, allowed: allowed, unit: "bytes"), format: format,
      subject: "this \(format) of \(bitmap.width)×\(bitmap.height)",
      advice: "Give it more room, or encode it smaller or at less quality.")
  }
}
