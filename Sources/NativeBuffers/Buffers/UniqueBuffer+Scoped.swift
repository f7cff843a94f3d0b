// SPDX-License-Identifier: Apache-2.0

/// Runs a closure with a buffer of zeros that is disposed when the closure ends, by return or by error.
///
///     let sum = try withUniqueBuffer(byteCount: 4_096) { buffer in
///       try fill(&buffer)
///       return buffer.span[0]
///     }
///
/// `defer` cannot dispose a ``UniqueBuffer``, and an error on the way to `dispose()` leaves the buffer to its deinit,
/// which is recorded as a rescue. This function does neither. Parameters are those of ``UniqueBuffer``.
/// - Throws: ``NativeBufferError`` as ``UniqueBuffer``; what the closure throws.
@inlinable
public func withUniqueBuffer<R: ~Copyable>(
  byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
  file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
  _ body: (inout UniqueBuffer) throws(NativeBufferError) -> R
) throws(NativeBufferError) -> R {
  let buffer = try UniqueBuffer(
    byteCount: byteCount, alignment: alignment, arena: arena, file: file, line: line, function: function)
  return try buffer.disposed(after: body)
}

/// As ``withUniqueBuffer(byteCount:alignment:arena:file:line:function:_:)``, for a closure that throws any error.
@inlinable
@_disfavoredOverload
public func withUniqueBuffer<R: ~Copyable>(
  byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
  file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
  _ body: (inout UniqueBuffer) throws -> R
) throws -> R {
  let buffer = try UniqueBuffer(
    byteCount: byteCount, alignment: alignment, arena: arena, file: file, line: line, function: function)
  return try buffer.disposed(after: body)
}

extension UniqueBuffer {
  /// Runs a closure with the buffer, and disposes it when the closure ends, by return or by error.
  @inlinable
  consuming func disposed<R: ~Copyable, E: Error>(
    after body: (inout UniqueBuffer) throws(E) -> R
  ) throws(E) -> R {
    let result: R
    do throws(E) {
      result = try body(&self)
    } catch {
      dispose()
      throw error
    }
    dispose()
    return result
  }
}
