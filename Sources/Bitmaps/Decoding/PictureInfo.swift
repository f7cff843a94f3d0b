// SPDX-License-Identifier: Apache-2.0

/// What a picture's header says, before any pixel is decoded.
///
/// A header can be wrong: behind it, pixels can be missing or damaged.
public struct PictureInfo: Hashable, Sendable {
  public let format: PictureFormat
  /// Pixels from left to right, as stored in the file, before the orientation is applied. At least 1.
  public let width: Int
  /// Pixels from top to bottom, as stored in the file. At least 1.
  public let height: Int
  /// The format in which the picture is decoded if no other is asked for: the smallest that loses no channel. CMYK
  /// becomes `rgb8`, and gray with alpha becomes `rgba8`. 16 bits of a PNG become 8, unless `gray16` or `rgba16` is
  /// asked for.
  public let pixelFormat: PixelFormat
  /// How many frames an animated WebP or PNG has; 1 for a still picture, and for other formats. If the file has not
  /// arrived whole, the frames that have arrived are counted.
  ///
  /// Decoding gives the first frame, on the whole canvas. The part of the canvas that the frame does not cover is
  /// transparent, whatever background the file names. (For a PNG, it is the picture that viewers without animations
  /// show, which need not be a frame.) The other frames cannot be decoded with this module. If you need all of them,
  /// refuse files with more than 1 frame, or split such files first.
  public internal(set) var frameCount = 1
  /// Whether it is a progressive JPEG or an interlaced PNG.
  public let isProgressive: Bool
  /// The change that makes the picture upright, by its EXIF data; ``Orientation/upright`` if there is none, or none
  /// that can be read. Decoding applies it unless told otherwise. <doc:Damaged-Files> says what counts.
  public internal(set) var orientation = Orientation.upright
  /// The size of the EXIF data, which is a TIFF structure, in bytes; 0 if there is none. `exifData(of:limits:)`
  /// returns the bytes.
  public internal(set) var exifByteCount = 0
  /// What the numbers mean as colours, with the file's ICC data if it has some that can be read.
  public internal(set) var colorProfile = ColorProfile.sRGB
  /// What the file holds beside its pixels, in bytes: see ``DecodingLimits/embeddedByteCount``.
  public internal(set) var embeddedByteCount = 0
  /// What is wrong with the data beside the pixels: at most 16 warnings, all different. Damaged and misplaced data is
  /// not used. What is wrong with the pixels' data, or with the file's end, is only found by decoding:
  /// ``Bitmap/decodingWarnings``.
  public internal(set) var warnings: [PictureWarning] = []

  // What codecs say to the rest of this module:

  /// The memory, in bytes, that the codec must hold at once beside the pixels, if the header tells.
  let codecByteCount: Int
  /// What that memory is for, in errors.
  var codecMemoryPurpose = "working memory"
  /// False for the first part of a JPEG's header, and for the first part of an extended WebP's header: the chunk with
  /// the pixels can still contradict what the first chunk says about alpha.
  var isHeaderWhole = true
  /// The format that loses nothing of what is in the file. A picture in any other format must be what a conversion from
  /// this format gives, whichever way it is decoded.
  var richestFormat: PixelFormat
  /// The same for gray formats, if the picture stores gray beside its colours: the luma of a JPEG. Luma differs from
  /// the gray of the colours if RGB cannot hold them.
  var richestGray: PixelFormat?
  /// The formats in which the codec delivers what a conversion from the richest format would give. Pictures in other
  /// formats are converted from the richest one.
  var directFormats: [PixelFormat]
  /// Whether the codec can reduce the picture while it decodes.
  var canShrink = false

  init(
    format: PictureFormat, width: Int, height: Int, pixelFormat: PixelFormat, isProgressive: Bool = false,
    codecByteCount: Int = 0
  ) {
    self.format = format
    self.width = width
    self.height = height
    self.pixelFormat = pixelFormat
    self.isProgressive = isProgressive
    self.codecByteCount = codecByteCount
    richestFormat = pixelFormat
    directFormats = [pixelFormat]
  }
}

extension PictureInfo {
  /// The width of the upright picture, in pixels.
  public var uprightWidth: Int { orientation.swapsSides ? height : width }
  /// The height of the upright picture, in pixels.
  public var uprightHeight: Int { orientation.swapsSides ? width : height }
}
