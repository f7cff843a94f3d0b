public import NativeBuffers

extension Bitmap {
  /// Decodes the picture in a file and downscales it to `width` pixels, with little memory and time.
  ///
  /// JPEGs are already shrunk while they are decoded, and pictures that EXIF data calls turned become upright. A picture
  /// that is not wider than `width` comes as it is. Nothing but the thumbnail is left when this returns, and nothing at
  /// all when it throws.
  ///
  /// - Throws: as
  ///   ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``, and
  ///   `invalidArgument` where `width` is below 1.
  public init(
    thumbnailOfFileAt path: String, width: Int, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    guard width > 0 else {
      throw BitmapError(.invalidArgument, "a thumbnail cannot be \(width) pixels wide; give at least 1.", path: path)
    }
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    let decoded = try Bitmap(
      decodingFileAt: path, minimumWidth: width, limits: limits, arena: arena, file: file, line: line,
      function: function)
    guard decoded.width > width else {
      self = decoded
      return
    }
    defer { origin.dispose(decoded) }
    do {
      self = try decoded.downscaled(toWidth: width, origin: origin)
      decodingWarnings = decoded.decodingWarnings
    } catch {
      throw error.naming(path)
    }
  }
}
