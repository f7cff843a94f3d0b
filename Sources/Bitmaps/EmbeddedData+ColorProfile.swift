import CImageCodecs

extension EmbeddedData {
  /// The ICC data itself; nil where there is none, and where it cannot be read: pictures are not refused for it. Throws
  /// where it is beyond its limit.
  func iccData(in file: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) -> [UInt8]? {
    guard !icc.isEmpty else { return nil }
    let storedByteCount = icc.reduce(0) { $0 + $1.count }
    try checkProfile(storedByteCount, limits)
    if format == .png { return try unsafe inflated(file, limits: limits) }
    var data: [UInt8] = []
    data.reserveCapacity(storedByteCount)
    for range in icc { unsafe data.append(contentsOf: file[range]) }
    return data
  }

  func checkProfile(_ storedByteCount: Int, _ limits: DecodingLimits) throws(BitmapError) {
    // Data that does not compress takes a little more than itself, and in a PNG there is a name ahead of it: how much
    // it is there, inflating tells.
    let allowed = max(0, limits.colorProfileByteCount)
    let (slack, overflows) = allowed.addingReportingOverflow(format == .png ? allowed / 1_000 + 1_024 : 0)
    guard !overflows, storedByteCount > slack else { return }
    throw .init(exceedingProfile: storedByteCount, limits: limits, format: format)
  }

  /// Behind the name, which ends with a zero, and the method, which is 0.
  private func inflated(_ file: UnsafeRawBufferPointer, limits: DecodingLimits) throws(BitmapError) -> [UInt8]? {
    let chunk = unsafe file[icc[0]]
    guard let end = unsafe chunk.prefix(80).firstIndex(of: 0), unsafe chunk.endIndex - end > 2,
      unsafe chunk[end + 1] == 0
    else { return nil }
    let compressed = unsafe UnsafeRawBufferPointer(rebasing: chunk[(end + 2)...])
    // Twice, so that the array is as large as the data: it lives as long as the bitmap. No ICC data is larger than its
    // own header can say.
    let capacity = min(max(0, limits.colorProfileByteCount), Int(UInt32.max))
    var report = cimage_report()
    var byteCount = 0
    _ = unsafe cimage_inflate(compressed.baseAddress, compressed.count, nil, capacity, &byteCount, &report)
    guard report.status == CIMAGE_OK else {
      switch report.status {
      case CIMAGE_OUTPUT_FULL: throw .init(exceedingProfile: nil, limits: limits, format: .png)
      case CIMAGE_OUT_OF_MEMORY: throw BitmapError(report, format: .png, limits: limits) ?? .emptyBuffer
      default: return nil
      }
    }
    let expected = byteCount
    let data = unsafe [UInt8](unsafeUninitializedCapacity: expected) { buffer, count in
      _ = unsafe cimage_inflate(
        compressed.baseAddress, compressed.count, buffer.baseAddress, expected, &count, &report)
    }
    if report.status == CIMAGE_OUT_OF_MEMORY, let error = BitmapError(report, format: .png, limits: limits) {
      throw error
    }
    return report.status == CIMAGE_OK ? data : nil
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
