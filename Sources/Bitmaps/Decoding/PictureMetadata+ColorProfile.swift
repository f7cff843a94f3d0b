// SPDX-License-Identifier: Apache-2.0

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
    try checkProfile(storedByteCount, there: storedByteCount, limits)
    var data: [UInt8] = []
    data.reserveCapacity(storedByteCount)
    for range in icc { unsafe data.append(contentsOf: file[range]) }
    guard let byteCount = ColorProfile.byteCount(byHead: data), byteCount <= data.count else { return nil }
    return ColorProfile(iccData: byteCount == data.count ? data : Array(data[..<byteCount]))
  }

  /// Throws if more of the ICC data has arrived than `limits` allow; never if they are nil. `storedByteCount` is the
  /// length that the chunk declares; `there` bytes of it have arrived. `slack` is what the stored data may have more
  /// than the profile.
  func checkProfile(
    _ storedByteCount: Int, there: Int, _ limits: DecodingLimits?, slack: Int = 0
  ) throws(BitmapError) {
    guard let limits else { return }
    let (most, overflows) = max(0, limits.colorProfileByteCount).addingReportingOverflow(slack)
    guard !overflows, there > most else { return }
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
