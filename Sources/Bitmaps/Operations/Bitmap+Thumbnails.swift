// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension Bitmap {
  /// Decodes the picture in a file and downscales it to `width` pixels, with little memory and time.
  ///
  /// A JPEG or WebP is already reduced while it is decoded, and a picture that is turned by its EXIF data becomes
  /// upright. A picture that is not wider than `width` keeps its size. When this returns, only the thumbnail is left in
  /// memory; if it throws, nothing is left.
  ///
  /// - Throws: As ``init(decodingFileAt:format:minimumWidth:appliesOrientation:limits:arena:file:line:function:)``, and
  ///   `invalidArgument` if `width` is below 1.
  public init(
    thumbnailOfFileAt path: String, width: Int, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    guard width > 0 else {
      throw BitmapError(.invalidArgument, "a thumbnail cannot be \(width) pixels wide; give at least 1.", path: path)
    }
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let decoded = try Bitmap(
      decodingFileAt: path, minimumWidth: width, limits: limits, arena: arena, file: file, line: line,
      function: function)
    guard decoded.width > width else {
      self = decoded
      return
    }
    defer { context.dispose(decoded) }
    do {
      self = try decoded.downscaled(toWidth: width, context: context)
      decodingWarnings = decoded.decodingWarnings
    } catch {
      throw error.naming(path)
    }
  }
}
