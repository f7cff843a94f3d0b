// SPDX-License-Identifier: Apache-2.0

extension AllocationContext {
  func dispose(_ bitmap: Bitmap) {
    dispose(bitmap.pixels)
  }

  /// A bitmap whose pixels are all written by `fill`, with `withUnsafeMutableRows`. It is disposed if `fill` throws.
  func bitmap(
    width: Int, height: Int, format: PixelFormat, colorProfile: ColorProfile = .sRGB,
    fill: (Bitmap) throws(BitmapError) -> Void
  ) throws(BitmapError) -> Bitmap {
    let bitmap = try Bitmap(
      uninitializedWidth: width, height: height, format: format, colorProfile: colorProfile, context: self)
    do {
      try fill(bitmap)
      return bitmap
    } catch {
      dispose(bitmap)
      throw error
    }
  }
}
