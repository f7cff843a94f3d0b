// SPDX-License-Identifier: Apache-2.0

/// Reads the orientation in EXIF data, as the standards define it. It is only a few bytes, so no library is needed.
///
/// Sources: TIFF 6.0, EXIF 2.32. <doc:Damaged-Files> says what counts and what does not.
enum ExifOrientation {
  /// Upright if the data does not name an orientation; nil if the orientation cannot be read.
  ///
  /// It is the tag 0x0112 of the first directory. EXIF asks for one number of 16 bits. Any integer is accepted: TIFF
  /// asks readers to accept all unsigned integers, and most readers accept signed ones, too. If there are several
  /// numbers, the first counts. In many files, 0 stands for "unknown".
  static func read(in tiff: borrowing BoundedReader) -> Orientation? {
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
        let byteCount = byteCount(ofType: type)
      else { return nil }
      // A value that does not fit in the entry's last four bytes lies at the offset that they hold, and all of it must
      // be there.
      let totalByteCount = valueCount * byteCount
      guard let place = totalByteCount <= 4 ? entry + 8 : integer(entry + 8, 4, tiff),
        totalByteCount <= tiff.count - place, let value = integer(place, byteCount, tiff)
      else { return nil }
      return value == 0 ? .upright : Orientation(exifValue: value)
    }
    return .upright
  }

  /// Nil if the type is not an integer. The sign does not matter, because no orientation is negative.
  private static func byteCount(ofType type: Int) -> Int? {
    switch type {
    case 1, 6: 1  // BYTE, SBYTE
    case 3, 8: 2  // SHORT, SSHORT
    case 4, 9: 4  // LONG, SLONG
    default: nil
    }
  }
}
