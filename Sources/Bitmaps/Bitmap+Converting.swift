import CImageCodecs
public import NativeBuffers

extension Bitmap {
  /// A new bitmap of the same picture in another pixel format: to `gray8` it is grayscale.
  ///
  /// Alpha that the new format cannot hold is laid on white. Gray is the luma of BT.601 (0.299, 0.587, 0.114), as in
  /// JPEG. Costs a pass over the pixels.
  public func converted(
    to format: PixelFormat, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format, origin: Origin(arena: arena, file: file, line: line, function: function))
  }

  func converted(to format: PixelFormat, origin: Origin) throws(BitmapError) -> Bitmap {
    try origin.bitmap(width: width, height: height, format: format) { result throws(BitmapError) in
      try unsafe withUnsafeRows { source throws(BitmapError) in
        try unsafe result.withUnsafeMutableRows { target throws(BitmapError) in
          for y in 0..<height {
            unsafe cpixel_convert_row(
              source[y], self.format.channelCount, target[y], format.channelCount, width)
          }
        }
      }
    }
  }
}
