// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import NIOCore
import NativeBuffers
import NativeBuffersNIO

/// A small picture as the bytes of a JPEG, which any number of answers share without a copy.
///
/// The memory is released when this object and the last answer with its bytes are gone.
final class Thumbnail: CacheableResource, Sendable {
  let bytes: ByteBuffer
  /// What counts for the limit of the cache.
  let allocatedByteCount: Int
  /// `bytes` took its memory over. It is here only to mark the memory as held by the cache, so that no report calls it
  /// a leak of the request that made it.
  private let buffer: NativeBuffer

  /// Makes a picture at most `side` pixels wide and high, and disposes the larger one.
  init(_ picture: Bitmap, side: Int) throws {
    defer { picture.dispose() }
    let scale = min(1, Double(side) / Double(max(picture.width, picture.height)))
    let small = try picture.downscaled(
      toWidth: max(1, Int((Double(picture.width) * scale).rounded())),
      height: max(1, Int((Double(picture.height) * scale).rounded())))
    defer { small.dispose() }
    buffer = try small.encodedJPEG(quality: 80).buffer
    allocatedByteCount = buffer.allocatedByteCount
    bytes = try ByteBuffer(takingOver: buffer)
  }

  func setHeldByCache(_ isHeld: Bool) { buffer.setHeldByCache(isHeld) }
}
