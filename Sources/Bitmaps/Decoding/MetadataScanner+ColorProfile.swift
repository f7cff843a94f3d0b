// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

extension MetadataScanner {
  /// The profile of the ICC data; nil if there is none or it cannot be read. Throws if it exceeds its limit.
  ///
  /// ICC data is whole if it is as long as its own head says. What follows, or is missing after that length, does not
  /// matter; an example is the checksum of a PNG's compressed data.
  func colorProfile(in file: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) -> ColorProfile? {
    guard !icc.isEmpty else { return nil }
    let storedByteCount = icc.reduce(0) { $0 + $1.count }
    try checkProfile(storedByteCount, there: storedByteCount, limits)
    if format == .png { return try unsafe inflated(file, limits: limits) }
    var data: [UInt8] = []
    data.reserveCapacity(storedByteCount)
    for range in icc { unsafe data.append(contentsOf: file[range]) }
    guard let byteCount = ColorProfile.byteCount(byHead: data), byteCount <= data.count else { return nil }
    return ColorProfile(iccData: byteCount == data.count ? data : Array(data[..<byteCount]))
  }

  /// Throws if more of the ICC data has arrived than the limit allows. `storedByteCount` is the length that the chunk
  /// declares; `there` bytes of it have arrived.
  func checkProfile(_ storedByteCount: Int, there: Int, _ limits: DecodingLimits) throws(BitmapError) {
    // In a PNG, a name precedes the compressed data, and data that cannot be compressed becomes slightly larger. The
    // exact size is checked when the data is inflated.
    let allowed = max(0, limits.colorProfileByteCount)
    let (slack, overflows) = allowed.addingReportingOverflow(format == .png ? allowed / 1_000 + 1_024 : 0)
    guard !overflows, there > slack else { return }
    throw .init(exceedingProfile: storedByteCount, limits: limits, format: format)
  }

  /// Inflates a PNG's profile. It follows a name that ends with a zero, and the compression method, which is 0.
  private func inflated(_ file: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) -> ColorProfile? {
    let chunk = unsafe file[icc[0]]
    guard let end = unsafe chunk.prefix(80).firstIndex(of: 0), unsafe chunk.endIndex - end > 2,
      unsafe chunk[end + 1] == 0
    else { return nil }
    let compressed = unsafe UnsafeRawBufferPointer(rebasing: chunk[(end + 2)...])
    guard let head = try unsafe Self.inflated(compressed, byteCount: ColorProfile.headByteCount, limits),
      let byteCount = ColorProfile.byteCount(byHead: head)
    else { return nil }
    guard byteCount <= limits.colorProfileByteCount else {
      throw .init(exceedingProfile: byteCount, limits: limits, format: .png)
    }
    // The bytes are counted before memory is taken for them, because a head can promise gigabytes.
    var report = cimage_report()
    var counted = 0
    _ = unsafe cimage_inflate(compressed.baseAddress, compressed.count, false, nil, byteCount, &counted, &report)
    guard counted == byteCount, let data = try unsafe Self.inflated(compressed, byteCount: byteCount, limits) else {
      return nil
    }
    return ColorProfile(iccData: data)
  }

  /// The first `byteCount` bytes of the inflated data; nil if it has fewer. The array has no spare room, because it can
  /// live as long as the bitmap.
  private static func inflated(
    _ compressed: UnsafeRawBufferPointer, byteCount: Int, _ limits: DecodingLimits
  ) throws(BitmapError) -> [UInt8]? {
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

extension BitmapError {
  fileprivate init(exceedingProfile needed: Int?, limits: DecodingLimits, format: PictureFormat) {
    self.init(
      exceeding: .init(
        name: "colorProfileByteCount", needed: needed, allowed: limits.colorProfileByteCount, unit: "bytes"),
      format: format, subject: "the ICC data of this \(format)")
  }
}
