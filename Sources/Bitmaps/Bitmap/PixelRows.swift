/// Rows of pixels to read: of a whole bitmap, or a band of it. Lives as long as the access that lent it.
// SAFETY: whoever makes one holds a pin of the rows for as long as it lives.
@frozen
@safe
public struct PixelRows<Pixel: BitwiseCopyable>: ~Escapable {
  @usableFromInline let base: UnsafeRawPointer
  @usableFromInline let bytesPerRow: Int
  /// Pixels a row; for rows of `UInt8` of a format with larger pixels, bytes.
  public let width: Int
  /// The rows there are, counted from the picture's first: of a band not from 0.
  public let rows: Range<Int>

  /// `base` is the address of row 0, also where that is not among `rows`. Every row has `width` pixels there, aligned for their type.
  @_lifetime(borrow owner)
  init<Owner: ~Copyable & ~Escapable>(
    base: UnsafeRawPointer, bytesPerRow: Int, width: Int, rows: Range<Int>, owner: borrowing Owner
  ) {
    unsafe self.base = base
    self.bytesPerRow = bytesPerRow
    self.width = width
    self.rows = rows
  }

  /// The pixels of row `y`. Traps where there is none.
  @inlinable
  public subscript(y: Int) -> Span<Pixel> {
    @_lifetime(copy self)
    get {
      precondition(rows.contains(y), "no such row")
      let start = unsafe (base + y * bytesPerRow).assumingMemoryBound(to: Pixel.self)
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: width), copying: self)
    }
  }

  /// One pixel. Traps where there is none.
  @inlinable
  public subscript(x: Int, y: Int) -> Pixel { self[y][x] }
}

/// Rows of pixels to change: of a whole bitmap, or a band of it. Nobody else reaches them meanwhile.
///
/// Pixels are changed in place, `rows[x, y].alpha = 255`. There is no `MutableSpan` of a row: what is borrowed from a
/// parameter that is `inout`, Swift 6.3 lets a closure carry off.
// SAFETY: whoever makes one holds the exclusive pin of the rows for as long as it lives, and no two have a row in
// common.
@frozen
@safe
public struct MutablePixelRows<Pixel: BitwiseCopyable>: ~Copyable, ~Escapable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let bytesPerRow: Int
  /// Pixels a row; for rows of `UInt8` of a format with larger pixels, bytes.
  public let width: Int
  /// The rows there are, counted from the picture's first: of a band not from 0.
  public let rows: Range<Int>

  /// `base` is the address of row 0, also where that is not among `rows`.
  @_lifetime(borrow owner)
  init<Owner: ~Copyable & ~Escapable>(
    base: UnsafeMutableRawPointer, bytesPerRow: Int, width: Int, rows: Range<Int>, owner: borrowing Owner
  ) {
    unsafe self.base = base
    self.bytesPerRow = bytesPerRow
    self.width = width
    self.rows = rows
  }

  @inlinable
  func start(_ y: Int) -> UnsafeMutablePointer<Pixel> {
    precondition(rows.contains(y), "no such row")
    return unsafe (base + y * bytesPerRow).assumingMemoryBound(to: Pixel.self)
  }

  /// Whether these are the rows that were lent, and not others that a closure put into their place.
  func areRows(at base: UnsafeMutableRawPointer, bytesPerRow: Int, width: Int, rows: Range<Int>) -> Bool {
    unsafe self.base == base && self.bytesPerRow == bytesPerRow && self.width == width && self.rows == rows
  }

  /// The pixels of row `y`, to read. Traps where there is none.
  @inlinable
  public subscript(y: Int) -> Span<Pixel> {
    @_lifetime(borrow self)
    get {
      let start = unsafe start(y)
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: width), borrowing: self)
    }
  }

  /// One pixel, to change in place. Traps where there is none.
  @inlinable
  public subscript(x: Int, y: Int) -> Pixel {
    get { self[y][x] }
    set {
      precondition(x >= 0 && x < width, "no such column")
      unsafe start(y)[x] = newValue
    }
  }
}
