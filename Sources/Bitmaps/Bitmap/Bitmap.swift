// SPDX-License-Identifier: Apache-2.0

public import NativeBuffers

/// A picture whose pixels lie in a native buffer. It is a value.
///
///     let photo = try Bitmap(decodingFileAt: "photo.jpg")
///     let small = try photo.resized(toWidth: 256, height: 192)
///     try small.writePNG(toFileAt: "small.png")
///     photo.dispose()
///     small.dispose()
///
/// ```text
///         ◄───────────────── bytesPerRow ─────────────────►
/// row 0   │ pixel 0 │ pixel 1 │ … │ pixel width-1 │ padding │
/// row 1   │ pixel 0 │ pixel 1 │ … │ pixel width-1 │ padding │
///   …
/// ```
///
/// Copies share the pixels until one of them is changed. `mutating` methods make changes. They first copy the pixels if
/// the change would be visible to another copy of the value, to a crop of it, or to a `Pin`. So copies never see each
/// other's changes.
///
/// ``dispose(file:line:function:)`` is the exception, on purpose: it says that the pixels are not needed any more, and
/// ends them for all values that share them at that time, crops included. A value that was changed since it was copied
/// has its own pixels, and must be disposed on its own. Pixels that are never disposed are released with the last value
/// that shares them, and the audit reports the line that created them as *rescued*.
///
/// Row `y` starts `y * bytesPerRow` bytes after the first. The padding between the end of a row's pixels and the start
/// of the next row, and the same number of bytes behind the last row, are 0 in every bitmap that this module makes. So
/// a C function or a texture upload that reads all `height * bytesPerRow` bytes reveals nothing. This is not promised
/// for adopted memory, whose padding keeps its contents, and for crops: there the padding is pixels of the whole
/// picture, and the memory may end with the crop's last row.
public struct Bitmap: Sendable {
  /// Pixels from left to right. At least 1.
  public let width: Int
  /// Pixels from top to bottom. At least 1.
  public let height: Int
  public let format: PixelFormat
  /// The distance from a row to the next in bytes. If no other distance was given, it is a multiple of 64, so that
  /// every row is aligned like the first. A change of a shared bitmap sets it to the least multiple of 64 that holds a
  /// row.
  public internal(set) var bytesPerRow: Int
  /// What the numbers mean as colours.
  public var colorProfile: ColorProfile
  /// What was wrong with the file that this bitmap was decoded from, without any loss of pixels: at most 16 warnings,
  /// all different. Operations that make a new bitmap do not pass the warnings on. <doc:Damaged-Files> lists what they
  /// can be.
  public internal(set) var decodingWarnings: [PictureWarning] = []
  /// The memory, which other values may share. It is not public, because writing to it would not copy first.
  var pixels: NativeBuffer
  /// The offset of the first row in ``pixels``, in bytes.
  var offset: Int

  /// A bitmap of zeros: black, and transparent if the format has alpha.
  ///
  /// - Parameters:
  ///   - width: In pixels; at least 1.
  ///   - height: In pixels; at least 1.
  ///   - format: The format of the pixels.
  ///   - bytesPerRow: The distance from a row to the next. It is at least the bytes of a row's pixels, and a multiple
  ///     of a channel's bytes. Nil for the least multiple of 64 that holds the pixels.
  ///   - colorProfile: What the colours mean; it is kept when the picture is written.
  ///   - arena: Where memory comes from.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: `invalidArgument` if a dimension is below 1, the bytes are more than `Int.max`, or `bytesPerRow` does
  ///   not fit; `outOfMemory` if there is no memory for the bytes.
  public init(
    width: Int, height: Int, format: PixelFormat, bytesPerRow: Int? = nil, colorProfile: ColorProfile = .sRGB,
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let context = AllocationContext(arena: arena, file: file, line: line, function: function)
    let layout = try RowLayout(width: width, height: height, format: format, bytesPerRow: bytesPerRow)
    self.init(
      layout, pixels: try context.zeroedBuffer(byteCount: layout.wholeByteCount), colorProfile: colorProfile)
  }

  /// A bitmap whose pixels are not initialised, for callers in this module that write every pixel. The padding between
  /// rows is zeroed here.
  init(
    uninitializedWidth width: Int, height: Int, format: PixelFormat, colorProfile: ColorProfile,
    context: AllocationContext
  ) throws(BitmapError) {
    let layout = try RowLayout(width: width, height: height, format: format)
    self.init(
      layout, pixels: try context.buffer(byteCount: layout.byteCount), colorProfile: colorProfile)
    do throws(BitmapError) {
      try unsafe withUnsafeMutableRows { rows in unsafe layout.zeroPadding(from: rows.base) }
    } catch {
      context.dispose(self)
      throw error
    }
  }

  /// `pixels` has the layout's bytes from `offset` on.
  init(_ layout: RowLayout, pixels: NativeBuffer, offset: Int = 0, colorProfile: ColorProfile) {
    width = layout.width
    height = layout.height
    format = layout.format
    bytesPerRow = layout.bytesPerRow
    self.colorProfile = colorProfile
    self.pixels = pixels
    self.offset = offset
  }

  /// A part of another bitmap, which shares its pixels. The rectangle lies inside the other bitmap, and starts at
  /// `offset`.
  init(part: PixelRect, of whole: Bitmap, offset: Int) {
    width = part.width
    height = part.height
    format = whole.format
    bytesPerRow = whole.bytesPerRow
    colorProfile = whole.colorProfile
    pixels = whole.pixels
    self.offset = offset
  }

  /// Whether the pixels were disposed.
  public var isDisposed: Bool { pixels.isDisposed }

  /// The line of code that the pixels are recorded for.
  public var site: Site { pixels.site }

  /// Releases the pixels, for every value that shares them. Returns whether this call disposed them; later calls do
  /// nothing. Do not call it in a signal handler.
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    pixels.dispose(file: file, line: line, function: function)
  }
}
