// SPDX-License-Identifier: Apache-2.0

/// Where the rows of a bitmap lie in memory. The arithmetic is checked for overflow once, here.
struct RowLayout {
  let width: Int
  let height: Int
  let format: PixelFormat
  let bytesPerRow: Int
  /// The bytes from the start of the first row to the end of the last pixel. If `bytesPerRow` was not given, to the end
  /// of the last row's padding, so that every row may be read in whole vectors.
  let byteCount: Int

  static let rowAlignment = 64

  /// - Parameter bytesPerRow: Nil for the least multiple of 64 that holds a row.
  init(width: Int, height: Int, format: PixelFormat, bytesPerRow: Int? = nil) throws(BitmapError) {
    guard width > 0, height > 0 else {
      throw BitmapError(.invalidArgument, "a bitmap of \(width)×\(height) pixels cannot be; give at least 1×1.")
    }
    let (used, overflow) = width.multipliedReportingOverflow(by: format.bytesPerPixel)
    let (padded, overflowOfPadding) = used.addingReportingOverflow(Self.rowAlignment - 1)
    let rowByteCount = bytesPerRow ?? padded / Self.rowAlignment * Self.rowAlignment
    if bytesPerRow != nil, !overflow {
      guard rowByteCount >= used else {
        throw BitmapError(
          .invalidArgument, "a row of \(width) pixels of \(format) takes \(used) bytes; \(rowByteCount) are too few.")
      }
      guard rowByteCount % format.bytesPerChannel == 0 else {
        throw BitmapError(
          .invalidArgument,
          "\(rowByteCount) bytes per row would put channels of \(format) at odd addresses. "
            + "Give a multiple of \(format.bytesPerChannel).")
      }
    }
    let (byteCount, overflowOfRows) = rowByteCount.multipliedReportingOverflow(by: height)
    guard !overflow, !overflowOfPadding, !overflowOfRows else {
      throw BitmapError(.invalidArgument, "a bitmap of \(width)×\(height) pixels has more than Int.max bytes.")
    }
    self.width = width
    self.height = height
    self.format = format
    self.bytesPerRow = rowByteCount
    self.byteCount = bytesPerRow == nil ? byteCount : byteCount - rowByteCount + used
  }

  /// The bytes that a C function reads if it knows only the height and the distance between rows. Cannot overflow: the
  /// initialiser has checked this product.
  var wholeByteCount: Int { bytesPerRow * height }

  /// Zeroes the padding behind the pixels of each row, which could still hold the bytes of the memory's previous owner.
  func zeroPadding(from base: UnsafeMutableRawPointer) {
    let used = width * format.bytesPerPixel
    guard used < bytesPerRow else { return }
    // SAFETY: if the distance between rows was not given, the memory has `wholeByteCount` bytes.
    var padding = unsafe base + used
    for _ in 0..<height {
      unsafe padding.initializeMemory(as: UInt8.self, repeating: 0, count: bytesPerRow - used)
      unsafe padding += bytesPerRow
    }
  }
}
