/// The arithmetic of rows, checked once.
struct RowLayout {
  let width: Int
  let height: Int
  let format: PixelFormat
  let bytesPerRow: Int
  /// From the first byte of the first row to the last pixel's end, and where `bytesPerRow` was not given to the end of
  /// the last row's padding, so that every row may be read in whole vectors.
  let byteCount: Int

  static let rowAlignment = 64

  /// - Parameter bytesPerRow: nil for the least multiple of 64.
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

  /// What a function of C takes that knows the height and the distance between rows alone. Cannot overflow: see above.
  var wholeByteCount: Int { bytesPerRow * height }

  /// Zeroes what lies behind the pixels of each row, where the last owner's bytes would show.
  func zeroPadding(from base: UnsafeMutableRawPointer) {
    let used = width * format.bytesPerPixel
    guard used < bytesPerRow else { return }
    // SAFETY: memory for a layout whose distance was not given has `wholeByteCount` bytes.
    var padding = unsafe base + used
    for _ in 0..<height {
      unsafe padding.initializeMemory(as: UInt8.self, repeating: 0, count: bytesPerRow - used)
      unsafe padding += bytesPerRow
    }
  }
}
