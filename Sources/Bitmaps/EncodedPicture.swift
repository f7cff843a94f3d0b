import NativeBuffers

/// A picture as the bytes of a file, in a native buffer.
///
/// Copies of the value share the bytes; ``dispose()`` releases them for all copies at once.
public struct EncodedPicture: Sendable {
  public let format: PictureFormat
  /// The size of the file, in bytes. The buffer behind it is usually larger.
  public let byteCount: Int
  let buffer: NativeBuffer

  /// Calls `body` with the bytes of the file.
  public func withBytes<R>(_ body: (RawSpan) throws -> R) throws -> R {
    try buffer.withBytes { bytes in try body(bytes.extracting(..<byteCount)) }
  }

  public var isDisposed: Bool { buffer.isDisposed }

  /// Releases the bytes, for every copy of this value. Returns whether this call did; later calls do nothing.
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    buffer.dispose(file: file, line: line, function: function)
  }
}
