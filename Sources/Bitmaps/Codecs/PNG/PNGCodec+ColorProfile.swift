// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

extension PNGCodec {
  /// Inflates the chunk iCCP: a name that ends with a zero, the compression method, which is 0, and compressed data.
  ///
  /// The profile is whole if it is as long as its own head says. The checksum of the compressed data does not matter.
  func colorProfile(in file: UnsafeRawBufferPointer) throws(BitmapError) -> ColorProfile? {
    guard let range = metadata.icc.first else { return nil }
    try metadata.checkProfile(range.count, arrived: range.count, limits, slack: PNGChunkWalk.profileSlack(limits))
    let chunk = unsafe file[range]
    guard let end = unsafe chunk.prefix(80).firstIndex(of: 0), unsafe chunk.endIndex - end > 2,
      unsafe chunk[end + 1] == 0
    else { return nil }
    let compressed = unsafe UnsafeRawBufferPointer(rebasing: chunk[(end + 2)...])
    guard let head = try unsafe inflated(compressed, byteCount: ColorProfile.headByteCount),
      let byteCount = ColorProfile.byteCount(byHead: head)
    else { return nil }
    guard byteCount <= limits.colorProfileByteCount else {
      throw BitmapError(exceedingProfile: byteCount, limits: limits, format: .png)
    }
    // The bytes are counted before memory is taken for them, because a head can promise gigabytes.
    var report = cimage_report()
    var counted = 0
    _ = unsafe cimage_inflate(compressed.baseAddress, compressed.count, false, nil, byteCount, &counted, &report)
    guard counted == byteCount, let data = try unsafe inflated(compressed, byteCount: byteCount) else { return nil }
    return ColorProfile(iccData: data)
  }

  /// The first `byteCount` bytes of the inflated data; nil if it has fewer. The array has no spare room, because it can
  /// live as long as the bitmap.
  private func inflated(_ compressed: UnsafeRawBufferPointer, byteCount: Int) throws(BitmapError) -> [UInt8]? {
    var report = cimage_report()
    let data = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      _ = unsafe cimage_inflate(
        compressed.baseAddress, compressed.count, false, buffer.baseAddress, byteCount, &count, &report)
    }
    if report.status == CIMAGE_OUT_OF_MEMORY, let error = BitmapError(report, format: .png, limits: limits) {
      throw error
    }
    return data.count == byteCount ? data : nil
  }
}
