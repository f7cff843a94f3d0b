import CImageCodecs

extension EmbeddedData {
  /// The profile of the ICC data; nil where it cannot be read, and where there is none. Throws where it is beyond its limit.
  ///
  /// ICC data is whole once it is as long as its own head says. What lies behind that, or is missing there, as the checksum of a
  /// PNG's compressed data, does not matter.
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

  /// Of the bytes that a chunk declares, `there` are there.
  func checkProfile(_ storedByteCount: Int, there: Int, _ limits: DecodingLimits) throws(BitmapError) {
    // Data that does not compress takes a little more than itself, and in a PNG there is a name ahead of it: how much
    // it is there, inflating tells.
    let allowed = max(0, limits.colorProfileByteCount)
    let (slack, overflows) = allowed.addingReportingOverflow(format == .png ? allowed / 1_000 + 1_024 : 0)
    guard !overflows, there > slack else { return }
    throw .init(exceedingProfile: storedByteCount, limits: limits, format: format)
  }

  /// Behind the name, which ends with a zero, and the method, which is 0.
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
    // Counted first: a head can promise gigabytes.
    var report = cimage_report()
    var counted = 0
    _ = unsafe cimage_inflate(compressed.baseAddress, compressed.count, nil, byteCount, &counted, &report)
    guard counted == byteCount, let data = try unsafe Self.inflated(compressed, byteCount: byteCount, limits) else {
      return nil
    }
    return ColorProfile(iccData: data)
  }

  /// The first bytes of compressed data; nil where it has fewer. The array is as large as the data: it can live as long as
  /// the bitmap.
  private static func inflated(
    _ compressed: UnsafeRawBufferPointer, byteCount: Int, _ limits: DecodingLimits
  ) throws(BitmapError) -> [UInt8]? {
    var report = cimage_report()
    let data = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      _ = unsafe cimage_inflate(
        compressed.baseAddress, compressed.count, buffer.baseAddress, byteCount, &count, &report)
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
