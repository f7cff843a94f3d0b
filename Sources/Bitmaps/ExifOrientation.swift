/// The orientation in EXIF data, by the standards themselves: few bytes say it, not worth a library.
///
/// Sources: TIFF 6.0, EXIF 2.3.
enum ExifOrientation {
  /// Upright where there is none, and where it cannot be read: pictures are not refused for what a camera wrote beside
  /// them.
  static func read(in exif: RawSpan) -> Orientation {
    orientation(inTIFF: BoundedReader(bytes: exif)) ?? .upright
  }

  /// The tag 0x0112 of the first directory.
  private static func orientation(inTIFF tiff: borrowing BoundedReader) -> Orientation? {
    let isLittle = tiff.has([0x49, 0x49, 0x2A, 0], at: 0)
    guard isLittle || tiff.has([0x4D, 0x4D, 0, 0x2A], at: 0) else { return nil }
    func integer(_ position: Int, _ byteCount: Int, _ tiff: borrowing BoundedReader) -> Int? {
      tiff.integer(at: position, byteCount: byteCount, isLittle: isLittle)
    }
    guard let directory = integer(4, 4, tiff), let count = integer(directory, 2, tiff) else { return nil }
    for index in 0..<count {
      let entry = directory + 2 + 12 * index
      guard let tag = integer(entry, 2, tiff) else { return nil }
      guard tag == 0x0112 else { continue }
      // One value of two bytes, which then stands in the entry itself.
      guard integer(entry + 2, 2, tiff) == 3, integer(entry + 4, 4, tiff) == 1 else { return nil }
      return integer(entry + 8, 2, tiff).flatMap(Orientation.init(exifValue:))
    }
    return nil
  }
}
