// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

extension PictureInfo {
  /// Reads the header of an encoded picture.
  ///
  /// Sizes of the picture are reported and not limited. These limits apply: ``DecodingLimits/colorProfileByteCount``;
  /// for the header of a Netpbm ``DecodingLimits/embeddedByteCount``; for a PNG
  /// ``DecodingLimits/workingMemoryByteCount``.
  ///
  /// - Throws: `notAPicture`, `unsupported`, `corrupt` or `truncated` if the header is not one that can be read;
  ///   `limitExceeded` if one of these limits is exceeded; `outOfMemory` if there is no memory for the codec;
  ///   `cancelled` if the calling task is cancelled.
  public init(probing bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) {
    try WorkDeadline().check()
    self = try unsafe bytes.reading { bytes throws(BitmapError) in
      try unsafe PictureInfo(probing: bytes, Recognition(of: bytes.bytes), limits)
    }
  }

  /// Reads the header of the picture in a file. The file is read whole, into a native buffer.
  ///
  /// - Throws: As `init(probing:limits:)`; `unreadableFile` if the file cannot be read; `limitExceeded` if it is
  ///   larger than ``DecodingLimits/encodedByteCount``.
  public init(
    probingFileAt path: String, limits: DecodingLimits = .default, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    self = try unsafe EncodedFile.withBytes(ofFileAt: path, limits: limits, context: context) {
      bytes, recognition throws(BitmapError) in
      try unsafe PictureInfo(probing: bytes, recognition, limits)
    }
  }

  /// The result is that of a ``PictureDecoder`` that gets the bytes in one piece.
  private init(
    probing bytes: UnsafeRawBufferPointer, _ recognition: Recognition, _ limits: DecodingLimits
  ) throws(BitmapError) {
    var parser = IncrementalHeaderParser(recognition, limits: limits, isProbing: true)
    self = try unsafe parser.finish(bytes, deadline: WorkDeadline()).info
  }

  /// The EXIF data of an encoded picture, a TIFF structure; nil if there is none that counts (<doc:Damaged-Files>). The
  /// data is copied and not interpreted.
  ///
  /// - Throws: `notAPicture`, `unsupported`; `cancelled` if the calling task is cancelled; `limitExceeded` if the data
  ///   has more than ``DecodingLimits/embeddedByteCount`` bytes.
  public static func exifData(of bytes: RawSpan, limits: DecodingLimits = .default) throws(BitmapError) -> [UInt8]? {
    let type = try Recognition(of: bytes).codec()
    guard type.holdsMetadata else { return nil }
    let deadline = WorkDeadline()
    let exif = try unsafe bytes.reading { bytes throws(BitmapError) in
      var codec = type.init(limits: limits, isProbing: true)
      while try unsafe codec.reachesMilestone(in: bytes, deadline: deadline) {}
      return codec.metadata.exif
    }
    guard let exif else { return nil }
    guard exif.count <= limits.embeddedByteCount else {
      throw BitmapError(
        exceeding: .init(
          name: "embeddedByteCount", needed: exif.count, allowed: limits.embeddedByteCount, unit: "bytes"),
        format: type.format, subject: "the EXIF data of this \(type.format)")
    }
    return unsafe bytes.extracting(exif).withUnsafeBytes { unsafe Array($0) }
  }
}
