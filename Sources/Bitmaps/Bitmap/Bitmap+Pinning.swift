// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

/// A witness that a bitmap's pixels stay valid and unchanged while it lives, whatever happens to the bitmap.
///
///     let pin = try bitmap.pin()
///     let pixels = try pin.pixels(as: Gray8.self)
///     let brightest = pixels.rows.reduce(0) { most, y in max(most, pixels[0, y].gray) }
///
/// The rows that it lends cannot outlive the pin: the compiler checks this, more strictly than it checks what a closure
/// is lent. A pin may be ended on another thread than the one that took it.
public struct BitmapPin: ~Copyable, Sendable {
  let pin: Pin
  /// Pixels from left to right.
  public let width: Int
  /// Pixels from top to bottom.
  public let height: Int
  public let format: PixelFormat
  /// The distance from a row to the next in bytes.
  public let bytesPerRow: Int

  /// All rows as bytes. They are valid while the pin lives.
  public var rows: PixelRows<UInt8> {
    @_lifetime(borrow self)
    get { unsafe rows(of: UInt8.self, width: width * format.bytesPerPixel) }
  }

  /// All rows as pixels of a type. They are valid while the pin lives.
  ///
  /// - Throws: `invalidArgument` if the type does not fit the format.
  @_lifetime(borrow self)
  public func pixels<Pixel: BitmapPixel>(as type: Pixel.Type) throws(BitmapError) -> PixelRows<Pixel> {
    try format.require(type)
    return unsafe rows(of: type, width: width)
  }

  /// Rows of `width` elements of a type that fits the format.
  @unsafe
  @_lifetime(borrow self)
  private func rows<Pixel: BitwiseCopyable>(of type: Pixel.Type, width: Int) -> PixelRows<Pixel> {
    // SAFETY: the pin covers the bytes of all rows, and a bitmap has at least one byte, so there is an address.
    let base = unsafe pin.bytes.withUnsafeBytes { unsafe $0.baseAddress.unsafelyUnwrapped }
    let rows = unsafe PixelRows<Pixel>(
      base: base, bytesPerRow: bytesPerRow, width: width, rows: 0..<height, owner: pin)
    return unsafe _overrideLifetime(rows, borrowing: self)
  }
}

extension Bitmap {
  /// Keeps the pixels valid and unchanged until the pin ends. If the bitmap is changed meanwhile, the change is made in
  /// a copy; if it is disposed, the memory is released when the pin ends. O(1).
  ///
  /// - Throws: `pixelsUnavailable` if the bitmap was disposed or is being written.
  public func pin() throws(BitmapError) -> BitmapPin {
    let byteCount = (height - 1) * bytesPerRow + rowByteCount
    do {
      let pin = try pixels.slice(offset..<offset + byteCount).pin()
      return BitmapPin(pin: pin, width: width, height: height, format: format, bytesPerRow: bytesPerRow)
    } catch {
      throw BitmapError(accessFailedWith: error)
    }
  }
}
