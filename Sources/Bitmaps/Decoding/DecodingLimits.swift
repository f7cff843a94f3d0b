// SPDX-License-Identifier: Apache-2.0

/// What a picture may cost before it is refused. Every limit is checked before the memory it guards is allocated.
///
/// The defaults accept the pictures of every phone and camera on sale: 200 megapixels from a phone, 407 that a camera
/// combines from several exposures. A refusal is a ``BitmapError`` with the code ``BitmapError/Code/limitExceeded``
/// that names the limit and both figures.
///
/// With the defaults, one picture can cost this much, and a file of a megabyte can be made to cost it: 2 GiB of pixels,
/// and twice that for a moment if they are converted or turned; 1.25 GiB of the codec's memory; the file itself, at
/// most 256 MiB; and a minute. A service that decodes files from strangers, several at the same time, sets limits that
/// it can afford:
///
///     var limits = DecodingLimits()
///     limits.pixelCount = 50_000_000  // counts thumbnails as they are decoded, so photos of any size are accepted
///     limits.pixelByteCount = 200_000_000
///     limits.workingMemoryByteCount = 256 << 20
///     limits.wallTime = .seconds(10)
///     let thumbnail = try Bitmap(thumbnailOfFileAt: "upload.jpg", width: 256, limits: limits)
public struct DecodingLimits: Hashable, Sendable {
  /// Pixels from left to right, as the file declares them. Default: 65,535, the most that a JPEG can declare.
  public var width = 65_535

  /// Pixels from top to bottom, as the file declares them. Default: 65,535.
  public var height = 65_535

  /// Pixels of the picture as it is decoded: width times height. If a JPEG or WebP is reduced while it is decoded, the
  /// pixels of the reduced picture count. Default: 536,870,912 (2^29), which is 2 GiB of `rgba8`.
  ///
  /// A thumbnail of a photo of 200 megapixels, decoded at 1/8 of its sides, counts as 3 megapixels. Reading the file
  /// still takes about 5 ns for each pixel that it declares; ``wallTime`` limits that.
  public var pixelCount = 1 << 29

  /// The pixels that decoding delivers, in bytes: rows as they lie in memory, with the size that the picture has after
  /// reduction. They are counted in the largest of three formats: the one asked for, the picture's own, and the one
  /// that the codec delivers on the way. Default: 2 GiB.
  ///
  /// If the codec cannot deliver the format, or the picture is turned, two such bitmaps exist for a while.
  public var pixelByteCount = 1 << 31

  /// What the codec may hold beside the pixels, in bytes. Default: 1.25 GiB.
  ///
  /// Most pictures take less than a megabyte. A progressive JPEG takes 3 bytes for each pixel of the whole picture in
  /// 4:2:0, and 6 bytes in 4:4:4, even if it is reduced: 302 MB for 50 megapixels in 4:4:4, 340 MB for 113 megapixels
  /// in 4:2:0, 1.2 GB for 200 megapixels in 4:4:4 or 403 megapixels in 4:2:0. A lossless WebP takes 4 bytes for each
  /// pixel.
  ///
  /// libpng's and zlib's memory is counted exactly. For libjpeg, this limits the buffers for whole pictures that
  /// progressive files need; libjpeg takes a few hundred kilobytes beside them, proportional to the width. libwebp
  /// accepts no limit, so its memory is estimated from the header. A lossless file that was made for this purpose can
  /// cost more, up to 12 KB for each 3 bytes of the file.
  public var workingMemoryByteCount = 5 << 28

  /// Scans of a progressive JPEG. Each scan costs a pass over the whole picture. Default: 100. Encoders make about 10.
  public var scanCount = 100

  /// The size of the encoded picture, in bytes. Default: 256 MiB.
  public var encodedByteCount = 256 << 20

  /// The ICC data in a picture, in bytes. Default: 4 MiB; the largest, with 3 MiB, is that of printing presses. Every
  /// value is allowed; ICC data never has more than 4 GiB. A PNG profile is inflated twice: first only to measure it.
  public var colorProfileByteCount = 4 << 20

  /// What the file holds beside the pixels, in bytes: all application segments and comments of a JPEG, all ancillary
  /// chunks of a PNG, all chunks of a WebP that no pixel needs; the header of a Netpbm, with comments and white space,
  /// less 256 bytes. Default: 32 MiB; cameras that add a second picture or a depth map need several.
  public var embeddedByteCount = 32 << 20

  /// How long decoding may take, by the clock. Default: a minute, about ten times what the largest picture within the
  /// other limits takes on a slow machine.
  ///
  /// Checked every few rows, so decoding may overrun slightly. For a WebP, it is checked between pieces of the file and
  /// at the end. A piece that stands for many pixels, as in a picture of one colour, is decoded whole before the next
  /// check, and a picture that took too long is an error even if it is finished by then. That overrun is about 10 ns
  /// for each pixel of the file, of which a WebP has at most 268 million. Cancellation is checked at the same places.
  ///
  /// Reading the file does not count. For a ``PictureDecoder``, the time inside its `append` and `finish` counts, all
  /// together; the time between these calls does not.
  public var wallTime = Duration.seconds(60)

  /// Whether a file with any warning is refused: as `truncated` if its end is missing, else as `corrupt`. If false, the
  /// default, such a file is decoded, since all pixels are there, and ``Bitmap/decodingWarnings`` says what is wrong.
  /// <doc:Damaged-Files> lists the warnings.
  public var isStrict = false

  public init() {}

  public static let `default` = DecodingLimits()
}
