// SPDX-License-Identifier: Apache-2.0

/// Writes pictures of one format. The value has the options that the caller chose.
protocol PictureEncoder: Hashable, Sendable {
  /// The format that it writes.
  static var format: PictureFormat { get }

  /// The greatest distance between rows that the library accepts, in bytes.
  static var maximumBytesPerRow: Int { get }

  /// Throws if an option is out of range.
  func check() throws(BitmapError)

  /// The pixel format that a bitmap of `format` is converted to before it is encoded.
  func writtenFormat(for format: PixelFormat) throws(BitmapError) -> PixelFormat

  /// A capacity that is enough for nearly every such picture. If it is not, the encoder says how many bytes the picture
  /// takes.
  func firstCapacity(for bitmap: Bitmap) -> Int

  /// Encodes a bitmap of the format of ``writtenFormat(for:)``. Never writes past `bytes`.
  func encode(_ bitmap: Bitmap, into bytes: UnsafeMutableRawBufferPointer) throws(BitmapError) -> EncodingResult
}

extension PictureEncoder {
  static var maximumBytesPerRow: Int { .max }

  func check() {}
}
