// SPDX-License-Identifier: Apache-2.0

/// Reads pictures of one format. ``PictureCodecs`` lists all conformances.
///
/// A value is made for each picture. It first walks over the file as it arrives, then its library reads the header, and
/// at last the pixels. What it has read in one step, it remembers for the next ones.
protocol PictureCodec: Sendable {
  /// The format that it reads.
  static var format: PictureFormat { get }

  /// Whether a file that begins with these bytes has the format.
  static func match(_ lead: LeadingBytes) -> LeadingBytes.Match

  /// Whether files of the format can have EXIF and ICC data.
  static var holdsMetadata: Bool { get }

  /// - Parameter isProbing: Whether only the header is asked for. Then the data beside the pixels is not limited.
  init(limits: DecodingLimits, isProbing: Bool)

  /// What a picture that is decoded may cost.
  var limits: DecodingLimits { get }

  /// What the walk has found so far.
  var metadata: PictureMetadata { get }

  /// Continues the walk over the file's segments or chunks where it ended. `file` is the same file, of which more may
  /// have arrived. Pauses at each milestone.
  mutating func walk(_ file: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError)

  /// Reads what the header says about the pixels. Throws `truncated` if that needs more bytes.
  ///
  /// - Parameter endsAtSize: The bytes are no more than the part of the header that has the size.
  func inspect(
    _ header: UnsafeRawBufferPointer, endsAtSize: Bool, deadline: WorkDeadline
  ) throws(BitmapError) -> PictureInfo

  /// Reads the ICC data that the walk has found; nil if there is none or it cannot be read. Throws if it exceeds its
  /// limit.
  func colorProfile(in file: UnsafeRawBufferPointer) throws(BitmapError) -> ColorProfile?

  /// Throws if the whole file has too few bytes for its pixels, as far as that is known before they are decoded. Called
  /// before memory is taken for pixels.
  func checkByteCount(of file: UnsafeRawBufferPointer) throws(BitmapError)

  /// Writes every pixel of `bitmap`, which has the picture's size over `denominator`, and one of the formats that
  /// ``inspect(_:endsAtSize:deadline:)`` named. Returns what is wrong with the file although all pixels are there.
  func decode(
    _ file: UnsafeRawBufferPointer, denominator: Int, deadline: WorkDeadline, into bitmap: Bitmap
  ) throws(BitmapError) -> [PictureWarning]
}

extension PictureCodec {
  static var holdsMetadata: Bool { true }

  /// For formats that store ICC data as it is.
  func colorProfile(in file: UnsafeRawBufferPointer) throws(BitmapError) -> ColorProfile? {
    try unsafe metadata.storedColorProfile(in: file, limits)
  }

  func checkByteCount(of file: UnsafeRawBufferPointer) {}

  /// Continues the walk. Returns true if it pauses at a milestone, so that it can go on.
  mutating func reachesMilestone(in file: UnsafeRawBufferPointer, deadline: WorkDeadline) throws(BitmapError) -> Bool {
    let last = metadata.milestone
    try unsafe walk(file, deadline: deadline)
    return metadata.milestone != last
  }
}
