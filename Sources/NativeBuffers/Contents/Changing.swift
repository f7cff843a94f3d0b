// SPDX-License-Identifier: Apache-2.0

extension NativeBuffer {
  /// Gives all bytes the same value.
  /// - Throws: ``NativeBufferError`` as ``pinMutable()``.
  /// - Complexity: O(n).
  public func fill(with byte: UInt8) throws(NativeBufferError) { try slice(...).fill(with: byte) }

  /// Copies bytes of another buffer over a part of this one.
  ///
  /// `source` may be a slice of this same buffer, also one that overlaps the part: the bytes arrive as they were.
  /// - Parameters:
  ///   - source: a slice; of a whole buffer, `buffer.slice(...)`.
  ///   - offset: the place of the first copied byte, counted from this buffer's first byte.
  /// - Throws: ``NativeBufferError`` as ``pin()`` for the source, and as ``pinMutable()`` for this buffer;
  ///   ``NativeBufferError/Code/outOfBounds`` if the part does not lie inside this buffer. Nothing is copied then.
  /// - Complexity: O(n).
  public func copy(from source: NativeBufferSlice, at offset: Int = 0) throws(NativeBufferError) {
    try slice(offset, byteCount: source.byteCount).copy(from: source)
  }

  /// Copies all bytes of another buffer over a part of this one. Parameters, errors and cost are those of
  /// ``copy(from:at:)-(NativeBufferSlice,_)``.
  public func copy(from source: NativeBuffer, at offset: Int = 0) throws(NativeBufferError) {
    try copy(from: source.slice(...), at: offset)
  }

  /// Copies bytes of other memory over a part of this buffer. The bytes may be those of one of this buffer's pins only
  /// if nothing is copied: a pin excludes a change.
  /// - Throws: ``NativeBufferError`` as ``pinMutable()``; ``NativeBufferError/Code/outOfBounds`` if the part does not
  ///   lie inside this buffer. Nothing is copied then.
  /// - Complexity: O(n).
  public func copy(from source: RawSpan, at offset: Int = 0) throws(NativeBufferError) {
    var destination = try slice(offset, byteCount: source.byteCount).pinMutable()
    var bytes = destination.mutableBytes
    unsafe bytes.withUnsafeMutableBytes { bytes in unsafe source.withUnsafeBytes { unsafe bytes.copyMemory(from: $0) } }
  }

  /// A part by its offset and size.
  private func slice(_ offset: Int, byteCount: Int) throws(NativeBufferError) -> NativeBufferSlice {
    let (end, isTooLarge) = offset.addingReportingOverflow(byteCount)
    return try slice(isTooLarge ? offset..<Int.max : offset..<end)
  }
}

extension NativeBufferSlice {
  /// As ``NativeBuffer/fill(with:)``, for the slice's bytes.
  public func fill(with byte: UInt8) throws(NativeBufferError) {
    var pin = try pinMutable()
    var bytes = pin.mutableBytes
    unsafe bytes.withUnsafeMutableBytes { bytes in
      _ = unsafe bytes.initializeMemory(as: UInt8.self, repeating: byte)
    }
  }

  /// Copies as many bytes as the slice has.
  fileprivate func copy(from source: NativeBufferSlice) throws(NativeBufferError) {
    guard source.buffer !== buffer else {
      // A pin of the source would exclude the change. The exclusive pin keeps it as well.
      let destination = try pinMutable()
      // `copyMemory` moves bytes between areas that overlap as if they were not one.
      return unsafe destination.base.copyMemory(from: source.start, byteCount: byteCount)
    }
    let pin = try source.pin()
    let destination = try pinMutable()
    unsafe try source.copy(pin, to: destination.base)
  }
}
