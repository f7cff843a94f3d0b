public import NativeBuffers

/// A picture whose pixels lie in a native buffer: a value.
///
/// Copies share the pixels until one of them is changed. Changes are made by `mutating` methods, which first copy the
/// pixels where anybody else could see the change: another copy of the value, a crop of it, or a ``Pin``. So copies
/// never see each other's changes.
///
/// ``dispose(file:line:function:)`` is the exception, on purpose: it says that the pixels are not needed any more, and
/// ends them for all values that share them at that time, crops included. A value that was changed since it was copied
/// has pixels of its own, and is disposed by itself. Pixels that nobody disposes are released with the last value that
/// shares them, and the audit reports the line that created them as *rescued*.
///
/// Row `y` starts `y * bytesPerRow` bytes after the first. Bytes between the end of a row's pixels and the start of the
/// next row, and as many behind the last one, are 0 in every bitmap that this module makes, so that a function of C or a
/// texture upload that takes all of `height * bytesPerRow` gives nothing away. Not of memory that was adopted, where they
/// are what they were; and in a crop they are pixels of the whole, of which the last row may end with the memory.
public struct Bitmap: Sendable {
  /// Pixels from left to right. At least 1.
  public let width: Int
  /// Pixels from top to bottom. At least 1.
  public let height: Int
  public let format: PixelFormat
  /// The distance from a row to the next in bytes: a multiple of 64, so that every row is aligned as the first, unless
  /// another one was given. A change of a shared bitmap sets it to the least multiple of 64.
  public internal(set) var bytesPerRow: Int
  /// What the numbers mean as colours.
  public var colorProfile: ColorProfile
  /// What was wrong with the file that this was decoded from, and cost no pixel: at most 16, no two alike. Operations that
  /// make a new bitmap do not hand it on. What it can be: <doc:Damaged-Files>.
  public internal(set) var decodingWarnings: [PictureWarning] = []
  /// The memory, which others may share. Module-internal, since writing to it would not copy first.
  var pixels: NativeBuffer
  /// Where the first row starts in ``pixels``, in bytes.
  var offset: Int

  /// A bitmap of zeros: black, and transparent where the format has alpha.
  ///
  /// - Parameter bytesPerRow: The distance from a row to the next, at least what the pixels take and a multiple of a
  ///   channel's bytes; nil for the least multiple of 64 that holds them.
  /// - Throws: `invalidArgument` where a dimension is below 1, the bytes are more than `Int.max`, or `bytesPerRow` does not
  ///   fit; `outOfMemory` where there are not that many.
  public init(
    width: Int, height: Int, format: PixelFormat, bytesPerRow: Int? = nil, colorProfile: ColorProfile = .sRGB,
    arena: Arena? = nil, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(BitmapError) {
    let origin = Origin(arena: arena, file: file, line: line, function: function)
    let layout = try RowLayout(width: width, height: height, format: format, bytesPerRow: bytesPerRow)
    self.init(
      layout, pixels: try origin.zeroedBuffer(byteCount: layout.wholeByteCount), colorProfile: colorProfile)
  }

  /// A bitmap whose pixels are whatever the memory held: for callers in this module that write every one of them, and
  /// nothing between rows, which is zeroed here.
  init(
    uninitializedWidth width: Int, height: Int, format: PixelFormat, colorProfile: ColorProfile, origin: Origin
  ) throws(BitmapError) {
    let layout = try RowLayout(width: width, height: height, format: format)
    self.init(
      layout, pixels: try origin.buffer(byteCount: layout.byteCount), colorProfile: colorProfile)
    do throws(BitmapError) {
      try unsafe withUnsafeMutableRows { rows in unsafe layout.zeroPadding(from: rows.base) }
    } catch {
      origin.dispose(self)
      throw error
    }
  }

  /// `pixels` has the layout's bytes behind `offset`.
  init(_ layout: RowLayout, pixels: NativeBuffer, offset: Int = 0, colorProfile: ColorProfile) {
    width = layout.width
    height = layout.height
    format = layout.format
    bytesPerRow = layout.bytesPerRow
    self.colorProfile = colorProfile
    self.pixels = pixels
    self.offset = offset
  }

  /// A part of another bitmap that shares its pixels. The rectangle lies inside, and starts at `offset`.
  init(part: PixelRect, of whole: Bitmap, offset: Int) {
    width = part.width
    height = part.height
    format = whole.format
    bytesPerRow = whole.bytesPerRow
    colorProfile = whole.colorProfile
    pixels = whole.pixels
    self.offset = offset
  }

  /// Whether the pixels are gone.
  public var isDisposed: Bool { pixels.isDisposed }

  /// The line of code that the pixels are recorded for.
  public var site: Site { pixels.site }

  /// Releases the pixels, for every value that shares them. Returns whether this call did; later calls do nothing. Not for
  /// signal handlers, as `NativeBuffer`'s.
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    pixels.dispose(file: file, line: line, function: function)
  }
}
