/// The orientation in EXIF data, by the standards themselves: few bytes say it, not worth a library.
///
/// Sources: TIFF 6.0, EXIF 2.3.
enum ExifOrientation {
  /// Upright where there is none, and where it cannot be read: pictures are not refused for what a camera wrote beside
  /// them.
  static func read(in exif: RawSpan) -> Orientation {
    orientation(inTIFF: BoundedReader(bytes: exif)) ?? .upright
  }

  /// The tag 0x0112 of the first directory. EXIF says one number of 16 bits; some writers take 32, or write more than
  /// one, of which the first counts, as for other readers.
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
      guard let type = integer(entry + 2, 2, tiff), let valueCount = integer(entry + 4, 4, tiff), valueCount > 0,
        let byteCount = type == 3 ? 2 : type == 4 ? 4 : nil
      else { return nil }
      // What does not fit in the entry's last four bytes lies where they say.
      guard let place = valueCount * byteCount <= 4 ? entry + 8 : integer(entry + 8, 4, tiff) else { return nil }
      return integer(place, byteCount, tiff).flatMap(Orientation.init(exifValue:))
    }
    return nil
  }
}
