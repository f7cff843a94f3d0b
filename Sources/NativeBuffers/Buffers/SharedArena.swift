// SPDX-License-Identifier: Apache-2.0

/// The shared arena as an argument: `arena: .shared` creates a buffer as fast as no argument does.
///
/// A call of `Arena.shared` for each buffer costs 120 more instructions, because it retains and releases the reference:
/// two atomic operations on one counter that all threads share. A reference that the program holds is not retained
/// again.
public enum SharedArena: Sendable {
  case shared
}

extension NativeBuffer {
  /// As ``init(byteCount:alignment:arena:file:line:function:)``, in the shared arena.
  @inlinable
  public convenience init(
    byteCount: Int, alignment: Int = 64, arena: SharedArena,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    try self.init(byteCount: byteCount, alignment: alignment, arena: nil, file: file, line: line, function: function)
  }

  /// As ``init(uninitializedByteCount:alignment:arena:file:line:function:)``, in the shared arena.
  @inlinable
  public convenience init(
    uninitializedByteCount byteCount: Int, alignment: Int = 64, arena: SharedArena,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    try self.init(
      uninitializedByteCount: byteCount, alignment: alignment, arena: nil, file: file, line: line, function: function)
  }
}

extension UniqueBuffer {
  /// As ``init(byteCount:alignment:arena:file:line:function:)``, in the shared arena.
  @inlinable
  public init(
    byteCount: Int, alignment: Int = 64, arena: SharedArena,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    try self.init(byteCount: byteCount, alignment: alignment, arena: nil, file: file, line: line, function: function)
  }

  /// As ``init(uninitializedByteCount:alignment:arena:file:line:function:)``, in the shared arena.
  @inlinable
  public init(
    uninitializedByteCount byteCount: Int, alignment: Int = 64, arena: SharedArena,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    try self.init(
      uninitializedByteCount: byteCount, alignment: alignment, arena: nil, file: file, line: line, function: function)
  }
}
