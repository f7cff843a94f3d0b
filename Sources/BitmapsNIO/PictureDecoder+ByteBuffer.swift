// SPDX-License-Identifier: Apache-2.0

#if NIOBridge
  public import Bitmaps
  public import NIOCore

  extension PictureDecoder {
    /// Takes the readable bytes of a `ByteBuffer` as the next ones, and copies them. The indices of `bytes` stay.
    ///
    ///     for try await piece in request.body { try decoder.append(piece) }
    ///
    /// Errors and cost are those of `append(_: RawSpan)`. A request that sends a picture that is too large, or none, is
    /// refused as soon as that is known.
    public mutating func append(_ bytes: ByteBuffer) throws(BitmapError) { try append(bytes.readableBytesSpan) }
  }
#endif
