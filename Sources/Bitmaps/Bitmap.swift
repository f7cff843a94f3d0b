public import NativeBuffers

/// A picture whose pixels lie in a native buffer.
///
/// Copies of the value share the pixels; ``dispose()`` releases them for all copies at once. A bitmap that nobody
/// disposes is released with its last copy, and the audit reports the line that created it as *rescued*.
///
/// Row `y` starts `y * bytesPerRow` bytes into ``pixels``. Bytes between the end of a row's pixels and the start of the
/// next row have no meaning and no promised value.
public struct Bitmap: Sendable {
  /// Pixels from left to right. At least 1.
  public let width: Int
  /// Pixels from top to bottom. At least 1.
  public let height: Int
  /// The distance from a row to the next in bytes: a multiple of 64, so that every row is aligned as the first.
  public let bytesPerRow: Int
  public let format: PixelFormat
  /// The rows, in memory that is aligned to 64 bytes.
  public let pixels: NativeBuffer

  /// A bitmap of zeros: black, and transparent where the format has alpha.
  ///
  /// Throws where a dimension is below 1 or the size is beyond what can be addressed (`invalidArgument`), or where there
  /// is no memory (`outOfMemory`).
  public init(
    width: Int, height: Int, format: PixelFormat, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    let layout = try RowLayout(width: width, height: height, format: format)
    self.init(layout, pixels: try origin.zeroedBuffer(byteCount: layout.byteCount))
  }

  /// A bitmap whose pixels are whatever the memory held: for callers in this module that write every one of them.
  init(uninitializedWidth width: Int, height: Int, format: PixelFormat, origin: Origin) throws(BitmapError) {
    let layout = try RowLayout(width: width, height: height, format: format)
    self.init(layout, pixels: try origin.buffer(byteCount: layout.byteCount))
  }

  private init(_ layout: RowLayout, pixels: NativeBuffer) {
    width = layout.width
    height = layout.height
    format = layout.format
    bytesPerRow = layout.bytesPerRow
    self.pixels = pixels
  }

  /// Whether the pixels are gone.
  public var isDisposed: Bool { pixels.isDisposed }

  /// Releases the pixels, for every copy of this value. Returns whether this call did; later calls do nothing.
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    pixels.dispose(file: file, line: line, function: function)
  }
}

/// The arithmetic of rows, checked once.
struct RowLayout {
  let width: Int
  let height: Int
  let format: PixelFormat
  let bytesPerRow: Int
  let byteCount: Int

  static let rowAlignment = 64

  init(width: Int, height: Int, format: PixelFormat) throws(BitmapError) {
    guard width > 0, height > 0 else {
      throw BitmapError(.invalidArgument, "a bitmap of \(width)×\(height) pixels cannot be; give at least 1×1.")
    }
    let (used, overflow) = width.multipliedReportingOverflow(by: format.bytesPerPixel)
    let (padded, overflowOfPadding) = used.addingReportingOverflow(Self.rowAlignment - 1)
    let bytesPerRow = padded / Self.rowAlignment * Self.rowAlignment
    let (byteCount, overflowOfRows) = bytesPerRow.multipliedReportingOverflow(by: height)
    guard !overflow, !overflowOfPadding, !overflowOfRows else {
      throw BitmapError(.invalidArgument, "a bitmap of \(width)×\(height) pixels is larger than the address space.")
    }
    self.width = width
    self.height = height
    self.format = format
    self.bytesPerRow = bytesPerRow
    self.byteCount = byteCount
  }
}
