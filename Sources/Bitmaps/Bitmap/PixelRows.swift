// SPDX-License-Identifier: Apache-2.0

/// Rows of pixels to read, of a whole bitmap or of a band of it. Lives as long as the access that lent it.
// SAFETY: the code that makes a value holds a pin of the rows while the value lives.
@frozen
@safe
public struct PixelRows<Pixel: BitwiseCopyable>: ~Escapable {
  @usableFromInline let base: UnsafeRawPointer
  @usableFromInline let bytesPerRow: Int
  /// The number of pixels in a row. If `Pixel` is `UInt8` and the format's pixels are larger, the number of bytes.
  public let width: Int
  /// The rows that can be read, counted from the picture's first row. The rows of a band need not start at 0.
  public let rows: Range<Int>

  /// `base` is the address of row 0, even if row 0 is not among `rows`. Every row has `width` pixels, aligned for their
  /// type.
  @_lifetime(borrow owner)
  init<Owner: ~Copyable & ~Escapable>(
    base: UnsafeRawPointer, bytesPerRow: Int, width: Int, rows: Range<Int>, owner: borrowing Owner
  ) {
    unsafe self.base = base
    self.bytesPerRow = bytesPerRow
    self.width = width
    self.rows = rows
  }

  /// The pixels of row `y`. Traps if there is no such row.
  @inlinable
  public subscript(y: Int) -> Span<Pixel> {
    @_lifetime(copy self)
    get {
      precondition(rows.contains(y), "no such row")
      let start = unsafe (base + y * bytesPerRow).assumingMemoryBound(to: Pixel.self)
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: width), copying: self)
    }
  }

  /// The pixel in column `x` of row `y`. Traps if there is no such pixel.
  @inlinable
  public subscript(x: Int, y: Int) -> Pixel { self[y][x] }
}

/// Rows of pixels to change, of a whole bitmap or of a band of it. No other code can reach these rows meanwhile.
///
/// Pixels are changed in place: `rows[x, y].alpha = 255`. There is no `MutableSpan` of a row, because Swift 6.3 would
/// let a closure keep a span that it borrows from an `inout` parameter.
// SAFETY: the code that makes a value holds the exclusive pin of the rows while the value lives, and no row is in two
// values.
@frozen
@safe
public struct MutablePixelRows<Pixel: BitwiseCopyable>: ~Copyable, ~Escapable {
  @usableFromInline let base: UnsafeMutableRawPointer
  @usableFromInline let bytesPerRow: Int
  /// The number of pixels in a row. If `Pixel` is `UInt8` and the format's pixels are larger, the number of bytes.
  public let width: Int
  /// The rows that can be changed, counted from the picture's first row. The rows of a band need not start at 0.
  public let rows: Range<Int>

  /// `base` is the address of row 0, even if row 0 is not among `rows`.
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

  /// Whether these are the rows that a closure was lent, and not others that the closure put in their place.
  func areRows(at base: UnsafeMutableRawPointer, bytesPerRow: Int, width: Int, rows: Range<Int>) -> Bool {
    unsafe self.base == base && self.bytesPerRow == bytesPerRow && self.width == width && self.rows == rows
  }

  /// The pixels of row `y`, to read. Traps if there is no such row.
  @inlinable
  public subscript(y: Int) -> Span<Pixel> {
    @_lifetime(borrow self)
    get {
      let start = unsafe start(y)
      return unsafe _overrideLifetime(Span(_unsafeStart: start, count: width), borrowing: self)
    }
  }

  /// The pixel in column `x` of row `y`, to change in place. Traps if there is no such pixel.
  @inlinable
  public subscript(x: Int, y: Int) -> Pixel {
    get { self[y][x] }
    set {
      precondition(x >= 0 && x < width, "no such column")
      unsafe start(y)[x] = newValue
    }
  }
}
