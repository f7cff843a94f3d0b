// SPDX-License-Identifier: Apache-2.0

/// What a file holds beside its pixels: where its EXIF and ICC data lie, and how many bytes of all kinds there are.
///
/// A codec finds this by a walk over the segments or chunks of the file: one step for each, nothing is copied. If the
/// file has not arrived whole, the walk later continues where it ended, so that it is one walk whatever the pieces.
/// <doc:Damaged-Files> says what counts and what does not.
struct PictureMetadata {
  /// How far the walk has come.
  enum Milestone: Int {
    case start
    /// The part of the header that has the size has arrived.
    case size
    /// All that the codecs read before the pixels has arrived, or something that no codec can read.
    case pixels
  }

  let format: PictureFormat
  /// Nil if nothing is limited. If limits are given, a segment or chunk is refused as soon as more of it has arrived
  /// than they allow. The length that it declares is not enough to refuse it, because the length can be damaged.
  let limits: DecodingLimits?
  /// The TIFF structure of the first EXIF data whose orientation can be read; if there is none, of the first EXIF data.
  private(set) var exif: Range<Int>?
  /// The orientation in that data; nil if it cannot be read.
  private(set) var orientation: Orientation?
  /// The pieces of the ICC data, in their order. A PNG has one piece, which is compressed and begins with its name.
  var icc: [Range<Int>] = []
  /// The number of frames of an animation.
  var frameCount = 0
  /// The bytes of all segments and chunks that no pixel needs. The chunks of an animation do not count.
  var byteCount = 0
  private(set) var milestone = Milestone.start
  /// How many bytes, from the file's start, the codecs need to read the file up to the milestone.
  private(set) var headerByteCount = 0
  /// What is wrong with the data beside the pixels, in the file's order.
  private(set) var warnings: [PictureWarning] = []
  /// The size in a PNG's header, unchecked. Nil for other formats: their codecs read the size from a part of the
  /// header.
  var declaredSize: (width: Int, height: Int)?

  /// What is known before the walk.
  init(format: PictureFormat, limits: DecodingLimits?) {
    self.format = format
    self.limits = limits
  }

  /// The work that one step counts as: the deadline is asked once for every 4,096 steps.
  static let stepWork = 1024

  /// Returns true if the milestone was not reached before: then the walk pauses.
  @discardableResult
  mutating func reach(_ newMilestone: Milestone, headerByteCount: Int) -> Bool {
    guard newMilestone.rawValue > milestone.rawValue else { return false }
    milestone = newMilestone
    self.headerByteCount = headerByteCount
    return true
  }

  mutating func warn(_ warning: PictureWarning) { PictureWarning.add(warning, to: &warnings) }

  /// EXIF data that cannot be read does not hide EXIF data that follows it. Once one was read, later data is ignored,
  /// because a file can have many.
  mutating func takeExif(_ range: Range<Int>, _ reader: borrowing BoundedReader) {
    guard orientation == nil else { return }
    orientation = ExifOrientation.read(in: reader.part(range))
    if exif != nil { warn(.damagedExif) }
    if exif == nil || orientation != nil { exif = range }
  }

  /// What precedes the EXIF data in a JPEG's segment.
  static let exifLead: [UInt8] = Array("Exif\0\0".utf8)

  /// The same for a chunk of a PNG or WebP. Some writers put JPEG's lead in front of the data, which is skipped.
  mutating func takeExifChunk(_ content: Range<Int>, _ reader: borrowing BoundedReader) {
    let hasLead = content.count >= 6 && reader.has(Self.exifLead, at: content.lowerBound)
    takeExif(content.lowerBound + (hasLead ? 6 : 0)..<content.upperBound, reader)
  }

  /// `length` is what a segment or chunk declares; `arrived` bytes of it have arrived.
  func check(adding length: Int, arrived: Int) throws(BitmapError) {
    guard let limits, byteCount + min(length, arrived) > limits.embeddedByteCount else { return }
    throw BitmapError(
      exceeding: .init(
        name: "embeddedByteCount", needed: byteCount + length, allowed: limits.embeddedByteCount, unit: "bytes"),
      format: format, subject: "what this \(format) has beside its pixels")
  }
}

extension PictureMetadata {
  /// The profile of ICC data that is stored as it is; nil if there is none or it cannot be read. Throws if it exceeds
  /// its limit.
  ///
  /// ICC data is whole if it is as long as its own head says. What follows, or is missing after that length, does not
  /// matter.
  func storedColorProfile(
    in file: UnsafeRawBufferPointer, _ limits: DecodingLimits
  ) throws(BitmapError) -> ColorProfile? {
    guard !icc.isEmpty else { return nil }
    let storedByteCount = icc.reduce(0) { $0 + $1.count }
    try checkProfile(storedByteCount, arrived: storedByteCount, limits)
    var data: [UInt8] = []
    data.reserveCapacity(storedByteCount)
    for range in icc { unsafe data.append(contentsOf: file[range]) }
    guard let byteCount = ColorProfile.byteCount(byHead: data), byteCount <= data.count else { return nil }
    return ColorProfile(iccData: byteCount == data.count ? data : Array(data[..<byteCount]))
  }

  /// Throws if more of the ICC data has arrived than `limits` allow; never if they are nil. `storedByteCount` is the
  /// length that the chunk declares; `arrived` bytes of it have arrived. `slack` is what the stored data may have more
  /// than the profile.
  func checkProfile(
    _ storedByteCount: Int, arrived: Int, _ limits: DecodingLimits?, slack: Int = 0
  ) throws(BitmapError) {
    guard let limits else { return }
    let (most, overflows) = max(0, limits.colorProfileByteCount).addingReportingOverflow(slack)
    guard !overflows, arrived > most else { return }
    throw BitmapError(exceedingProfile: storedByteCount, limits: limits, format: format)
  }
}

extension BitmapError {
  init(exceedingProfile needed: Int, limits: DecodingLimits, format: PictureFormat) {
    self.init(
      exceeding: .init(
        name: "colorProfileByteCount", needed: needed, allowed: limits.colorProfileByteCount, unit: "bytes"),
      format: format, subject: "the ICC data of this \(format)")
  }
}
