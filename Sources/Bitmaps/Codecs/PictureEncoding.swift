// SPDX-License-Identifier: Apache-2.0

/// A format to encode a picture as, with the options of the format.
///
/// It is a struct and not an enum, so that more can be added.
public struct PictureEncoding: Hashable, Sendable {
  enum Kind: Hashable {
    case jpeg(quality: Int, comment: String?)
    case png(compression: Int)
    case webP(quality: Int, isLossless: Bool)
    case netpbm(NetpbmVariant)
  }

  let kind: Kind

  /// JPEG, with the options of ``Bitmap/encodedJPEG(quality:maximumByteCount:arena:file:line:function:)``.
  public static func jpeg(quality: Int = 85) -> PictureEncoding {
    PictureEncoding(kind: .jpeg(quality: quality, comment: nil))
  }

  /// The same with a comment in the file's header: at most 65,533 bytes of UTF-8, without a NUL.
  static func jpeg(quality: Int, comment: String?) -> PictureEncoding {
    PictureEncoding(kind: .jpeg(quality: quality, comment: comment))
  }

  /// PNG, with the options of ``Bitmap/encodedPNG(compression:maximumByteCount:arena:file:line:function:)``.
  public static func png(compression: Int = 6) -> PictureEncoding {
    PictureEncoding(kind: .png(compression: compression))
  }

  /// WebP, with the options of ``Bitmap/encodedWebP(quality:isLossless:maximumByteCount:arena:file:line:function:)``.
  public static func webP(quality: Int = 80, isLossless: Bool = false) -> PictureEncoding {
    PictureEncoding(kind: .webP(quality: quality, isLossless: isLossless))
  }

  /// Netpbm, with the options of ``Bitmap/encodedNetpbm(_:maximumByteCount:arena:file:line:function:)``.
  public static func netpbm(_ variant: NetpbmVariant = .binary) -> PictureEncoding {
    PictureEncoding(kind: .netpbm(variant))
  }

  public var format: PictureFormat {
    switch kind {
    case .jpeg: .jpeg
    case .png: .png
    case .webP: .webp
    case .netpbm: .netpbm
    }
  }
}

extension PictureEncoding {
  /// Throws if an option is out of range.
  func check() throws(BitmapError) {
    switch kind {
    case .jpeg(let quality, _) where !(1...100).contains(quality):
      throw BitmapError(.invalidArgument, "a JPEG quality of \(quality) cannot be; give 1 to 100.", format: .jpeg)
    case .png(let compression) where !(0...9).contains(compression):
      throw BitmapError(.invalidArgument, "a PNG compression of \(compression) cannot be; give 0 to 9.", format: .png)
    case .webP(let quality, _) where !(0...100).contains(quality):
      throw BitmapError(.invalidArgument, "a WebP quality of \(quality) cannot be; give 0 to 100.", format: .webp)
    default: return
    }
  }

  /// The pixel format that a bitmap of `format` is converted to before it is encoded.
  func written(_ format: PixelFormat) throws(BitmapError) -> PixelFormat {
    switch kind {
    case .jpeg:
      return format.hasAlpha || format.codecLayout == nil ? (format.isGray ? .gray8 : .rgb8) : format
    case .png:
      guard format.channel != .float32 else {
        throw BitmapError(
          .unsupported,
          "a PNG has 8 or 16 bits a channel, and \(format) more. Convert the bitmap to rgba16 or gray16 before, "
            + "which rounds it.", format: .png)
      }
      return format.codecLayout == nil && format.wideCodecLayout == nil ? .rgba8 : format
    case .webP:
      return format.hasAlpha ? .rgba8 : .rgb8
    case .netpbm(let variant):
      return variant.written(format)
    }
  }

  /// A capacity that is enough for nearly every such picture. If it is not, the codec says how many bytes the picture
  /// takes.
  func firstCapacity(for bitmap: Bitmap) -> Int {
    let pixelCount = bitmap.width * bitmap.height
    switch kind {
    // Half a byte per pixel holds nearly every photo.
    case .jpeg(_, let comment):
      return pixelCount / 2 + bitmap.profileByteCount + (comment?.utf8.count ?? 0) + 32_768
    case .png: return PNGCodec.byteCountBound(of: bitmap) + 2 * bitmap.profileByteCount
    case .webP(_, let isLossless): return pixelCount * (isLossless ? 4 : 1) + bitmap.profileByteCount + 32_768
    case .netpbm(let variant): return NetpbmWriter.byteCountBound(of: bitmap, variant)
    }
  }

  /// All encoding goes through this function. `bitmap` must have the format of ``written(_:)``. Never writes past
  /// `bytes`.
  func encode(_ bitmap: Bitmap, into bytes: UnsafeMutableRawBufferPointer) throws(BitmapError) -> EncodingResult {
    switch kind {
    case .jpeg(let quality, let comment):
      try unsafe JPEGCodec.encode(bitmap, quality: quality, comment: comment, into: bytes)
    case .png(let compression):
      try unsafe PNGCodec.encode(bitmap, compression: compression, into: bytes)
    case .webP(let quality, let isLossless):
      try unsafe WebPCodec.encode(bitmap, quality: quality, isLossless: isLossless, into: bytes)
    case .netpbm(let variant):
      try unsafe NetpbmWriter.encode(bitmap, variant, into: bytes)
    }
  }
}
