// SPDX-License-Identifier: Apache-2.0

import Glibc

// A buffer is an object, and `===` compares two handles. These functions compare what is in the memory.

extension NativeBuffer {
  /// Whether the buffer has the same bytes as another one, and as many. Two handles of one buffer have.
  /// - Throws: ``NativeBufferError`` as ``pin()``, for either buffer.
  /// - Complexity: O(n).
  public func contents(equal other: NativeBuffer) throws(NativeBufferError) -> Bool {
    try slice(...).contents(equal: other.slice(...))
  }

  /// Whether the buffer has the same bytes as other memory, and as many.
  /// - Throws: ``NativeBufferError`` as ``pin()``.
  /// - Complexity: O(n).
  public func contents(equal bytes: RawSpan) throws(NativeBufferError) -> Bool {
    try slice(...).contents(equal: bytes)
  }

  /// Feeds the bytes and their number to a hasher. Buffers whose contents are equal feed the same.
  /// - Throws: ``NativeBufferError`` as ``pin()``.
  /// - Complexity: O(n).
  public func hashContents(into hasher: inout Hasher) throws(NativeBufferError) {
    try slice(...).hashContents(into: &hasher)
  }
}

extension NativeBufferSlice {
  /// As ``NativeBuffer/contents(equal:)-(NativeBuffer)``, for the bytes of two slices.
  public func contents(equal other: NativeBufferSlice) throws(NativeBufferError) -> Bool {
    var isEqual = byteCount == other.byteCount
    unsafe try other.forEachPiece { piece, offset throws(NativeBufferError) in
      // A buffer that was disposed is an error also if the sizes differ.
      let own = isEqual ? try slice(offset..<offset + piece.count) : self
      isEqual = unsafe try own.contents(equal: RawSpan(_unsafeBytes: piece)) && isEqual
      return isEqual
    }
    return isEqual
  }

  /// As ``NativeBuffer/contents(equal:)-(RawSpan)``, for the slice's bytes.
  public func contents(equal bytes: RawSpan) throws(NativeBufferError) -> Bool {
    unsafe try bytes.withUnsafeBytes { other throws(NativeBufferError) in
      var isEqual = byteCount == other.count
      unsafe try forEachPiece { own, offset in
        if isEqual, let piece = own.baseAddress, let start = other.baseAddress {
          isEqual = unsafe memcmp(piece, start + offset, own.count) == 0
        }
        return isEqual
      }
      return isEqual
    }
  }

  /// As ``NativeBuffer/hashContents(into:)``, for the slice's bytes.
  public func hashContents(into hasher: inout Hasher) throws(NativeBufferError) {
    var copy = hasher
    copy.combine(byteCount)
    unsafe try forEachPiece { bytes, _ in
      unsafe copy.combine(bytes: bytes)
      return true
    }
    hasher = copy
  }

  /// Calls a closure with the bytes and with the place of the first of them, under a pin. The bytes of a mapped file
  /// come as copies in pieces, because a page that the file no longer has must be an error here; all others come at
  /// once.
  /// - Parameter body: returns whether it wants the next piece. It is called at least once.
  private func forEachPiece(
    _ body: (UnsafeRawBufferPointer, Int) throws(NativeBufferError) -> Bool
  ) throws(NativeBufferError) {
    let pin = try pin()
    func call(_ bytes: RawSpan, at offset: Int) throws(NativeBufferError) -> Bool {
      unsafe try bytes.withUnsafeBytes { bytes throws(NativeBufferError) in unsafe try body(bytes, offset) }
    }
    guard isOfMappedFile, byteCount > 0 else {
      _ = try call(pin.bytes, at: 0)
      return
    }
    var offset = 0
    while offset < byteCount {
      let piece = try [UInt8](slice(offset..<min(offset + Self.pieceByteCount, byteCount)))
      guard unsafe try call(piece.span.bytes, at: offset) else { return }
      offset += piece.count
    }
  }

  /// A multiple of the words in which a hasher takes bytes, so that it makes no difference whether they come in pieces.
  private static var pieceByteCount: Int { 1 << 16 }

  /// Calls a closure that does not throw, under a pin.
  func reading<R>(_ body: (UnsafeRawBufferPointer) -> R) throws(NativeBufferError) -> R {
    let pin = try pin()
    return unsafe pin.bytes.withUnsafeBytes(body)
  }
}
