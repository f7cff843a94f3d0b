// SPDX-License-Identifier: Apache-2.0

import CPixelKernels
public import NativeBuffers

extension Bitmap {
  /// A new bitmap of the same picture in another pixel format. In a gray format it is grayscale.
  ///
  /// If the new format has no alpha, the picture is laid on white. Gray is the luma of BT.601 (0.299, 0.587, 0.114), as
  /// in JPEG. If the new format is premultiplied, the colours of wholly transparent pixels are lost.
  ///
  /// Between formats of 8 bits, every result is the exact one, rounded to the nearest; if alpha is laid on white, the
  /// result of that step is rounded, too. If only the depth changes, integers become the nearest float or integer, and
  /// floats become the nearest integer, apart from a float's own rounding. All other results are within 1 of the exact
  /// one on the scale of integers, and within 0.000001 for floats. The colour profile is kept if it fits the new
  /// format, see ``ColorProfile/fitting(_:)``.
  ///
  /// Costs a pass over the pixels.
  ///
  /// - Throws: `outOfMemory` if there is no memory for the new bitmap; `pixelsUnavailable` if this bitmap was disposed
  ///   or is being written; `cancelled` if the calling task is cancelled.
  public func converted(
    to format: PixelFormat, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format, context: AllocationContext(arena: arena, file: file, line: line, function: function))
  }

  /// The same picture in grays of the same depth. Alpha is kept if there is such a format. Like
  /// ``converted(to:arena:file:line:function:)`` to ``PixelFormat/grayscale``.
  public func grayscaled(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format.grayscale, arena: arena, file: file, line: line, function: function)
  }

  /// The same picture with colours multiplied by alpha. It is a plain copy if they are multiplied already, or if there
  /// is no alpha.
  ///
  /// - Throws: `unsupported` if the format has alpha and 16 bits or floats, since no such format is premultiplied; else
  ///   as ``converted(to:arena:file:line:function:)``.
  public func premultiplied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    guard let multiplied = format.hasAlpha ? format.premultiplied : format else {
      throw BitmapError(.unsupported, "\(format) has no premultiplied form. Convert to rgba8Premultiplied.")
    }
    return try converted(to: multiplied, arena: arena, file: file, line: line, function: function)
  }

  /// The same picture with colours that are not multiplied by alpha. It is a plain copy if they are not multiplied now.
  ///
  /// If a colour of 8 bits is multiplied by alpha and divided again, the result differs from the old colour by up to
  /// 127 / alpha. If alpha is 0, the colour is lost.
  ///
  /// - Throws: As ``converted(to:arena:file:line:function:)``.
  public func unpremultiplied(
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) -> Bitmap {
    try converted(to: format.straight, arena: arena, file: file, line: line, function: function)
  }

  func converted(to format: PixelFormat, context: AllocationContext) throws(BitmapError) -> Bitmap {
    let deadline = WorkDeadline()
    return try context.bitmap(
      width: width, height: height, format: format, colorProfile: colorProfile.fitting(format)
    ) { result throws(BitmapError) in
      try unsafe withUnsafeRows(to: result) { source, target throws(BitmapError) in
        for y in 0..<height {
          try deadline.check(row: y)
          unsafe cpixel_convert_row(
            source[y], self.format.kernelFormat, target[y], format.kernelFormat, width)
        }
      }
    }
  }
}

extension PixelFormat {
  var kernelFormat: cpixel_format { cpixel_format(UInt32(kind.rawValue)) }

  /// The number of channels of the formats that the oldest kernels identify by this number; nil for other formats.
  var plainChannelCount: Int? {
    switch kind {
    case .gray8, .rgb8, .rgba8: channelCount
    default: nil
    }
  }
}
