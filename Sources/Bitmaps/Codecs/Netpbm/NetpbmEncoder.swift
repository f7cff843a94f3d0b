// SPDX-License-Identifier: Apache-2.0

/// Writes Netpbm files.
struct NetpbmEncoder: PictureEncoder {
  static let format = PictureFormat.netpbm

  let variant: NetpbmVariant

  func writtenFormat(for format: PixelFormat) -> PixelFormat {
    switch variant.kind {
    case .bitmap, .plainBitmap: return .gray8
    case .plain where format.channel != .uint8: return format.isGray ? .gray16 : .rgba16
    case .plain: return format.isGray ? .gray8 : .rgb8
    case .binary where format.channel != .uint8: return format.isGray ? .gray16 : .rgba16
    case .binary where format.hasAlpha: return format.isGray ? .grayAlpha8 : .rgba8
    case .binary: return format
    }
  }

  /// An upper bound of the size of every file of the bitmap.
  func firstCapacity(for bitmap: Bitmap) -> Int {
    let samples = bitmap.width * bitmap.height * bitmap.format.channelCount
    return (variant.kind == .plain ? 6 : bitmap.format.bytesPerChannel + 1) * samples + bitmap.height + 256
  }

  func encode(_ bitmap: Bitmap, into bytes: UnsafeMutableRawBufferPointer) throws(BitmapError) -> EncodingResult {
    var writer = unsafe NetpbmWriter(target: bytes, variant: variant)
    try writer.write(bitmap)
    return writer.byteCount <= bytes.count ? .fits(byteCount: writer.byteCount) : .needs(byteCount: writer.byteCount)
  }
}

extension PictureEncoding {
  /// Netpbm, with the options of ``Bitmap/encodedNetpbm(_:maximumByteCount:arena:file:line:function:)``.
  public static func netpbm(_ variant: NetpbmVariant = .binary) -> PictureEncoding {
    PictureEncoding(encoder: NetpbmEncoder(variant: variant))
  }
}
