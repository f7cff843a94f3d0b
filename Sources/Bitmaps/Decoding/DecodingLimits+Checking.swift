// SPDX-License-Identifier: Apache-2.0

extension DecodingLimits {
  /// Throws if a figure that the file declares exceeds its limit.
  func check(_ info: PictureInfo, denominator: Int) throws(BitmapError) {
    try check("width", info.width, allowed: width, unit: "pixels", of: info, extent: "wide")
    try check("height", info.height, allowed: height, unit: "pixels", of: info, extent: "high")
    try check("embeddedByteCount", info.embeddedByteCount, allowed: embeddedByteCount, unit: "bytes", of: info)
    // Checked before the pixels: if a picture exceeds both limits, the error names the one that would have done harm.
    try check(
      "workingMemoryByteCount", info.codecByteCount, allowed: workingMemoryByteCount, unit: "bytes", of: info,
      purpose: " of \(info.codecMemoryPurpose)")
    // Cannot overflow: no codec accepts dimensions of 2^31 or more.
    let size = info.size(reducedBy: denominator)
    let pixels = size.width * size.height
    let purpose = denominator == 1 ? "" : " at 1/\(denominator) of its sides"
    try check("pixelCount", pixels, allowed: pixelCount, unit: "pixels", of: info, purpose: purpose)
  }

  /// Throws if the pixels to deliver, in this size, exceed their limit.
  func check(
    _ info: PictureInfo, width: Int, height: Int, format: PixelFormat?
  ) throws(BitmapError) {
    let largest = [info.pixelFormat, format ?? info.pixelFormat, info.codecFormat(for: format)].max {
      $0.bytesPerPixel < $1.bytesPerPixel
    }
    let layout = try RowLayout(width: width, height: height, format: largest ?? info.pixelFormat)
    try check(
      "pixelByteCount", layout.byteCount, allowed: pixelByteCount, unit: "bytes", of: info,
      purpose: " of pixels in \(layout.format)")
  }

  private func check(
    _ name: String, _ needed: Int, allowed: Int, unit: String, of info: PictureInfo, purpose: String = "",
    extent: String? = nil
  ) throws(BitmapError) {
    guard needed > allowed else { return }
    throw BitmapError(
      exceeding: .init(name: name, needed: needed, allowed: allowed, unit: unit), format: info.format,
      subject: "this \(info.isProgressive ? "progressive " : "")\(info.format) of \(info.width)×\(info.height)",
      purpose: purpose, extent: extent)
  }
}
