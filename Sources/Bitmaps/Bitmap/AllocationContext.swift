// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

/// The arena that buffers come from, and the line of the caller's code that they are recorded for.
///
/// Every function that makes a bitmap takes these from its caller and passes them on, so that a report names the line
/// that asked for a picture, and not a line of this module.
struct AllocationContext {
  let arena: Arena?
  let file: StaticString
  let line: UInt
  let function: StaticString

  func buffer(byteCount: Int) throws(BitmapError) -> NativeBuffer {
    do {
      return try NativeBuffer(
        uninitializedByteCount: byteCount, arena: arena, file: file, line: line, function: function)
    } catch {
      throw BitmapError(allocationOf: byteCount, failedWith: error)
    }
  }

  func zeroedBuffer(byteCount: Int) throws(BitmapError) -> NativeBuffer {
    do {
      return try NativeBuffer(byteCount: byteCount, arena: arena, file: file, line: line, function: function)
    } catch {
      throw BitmapError(allocationOf: byteCount, failedWith: error)
    }
  }

  func writer(reserving byteCount: Int) throws(BitmapError) -> NativeByteWriter {
    do {
      return try NativeByteWriter(reserving: byteCount, arena: arena, file: file, line: line, function: function)
    } catch {
      throw BitmapError(allocationOf: byteCount, of: "a file", failedWith: error)
    }
  }

  /// A buffer with the same bytes.
  func copy(of buffer: NativeBuffer) throws(BitmapError) -> NativeBuffer {
    do { return try buffer.copied(arena: arena, file: file, line: line, function: function) } catch {
      throw BitmapError(allocationOf: buffer.byteCount, of: "a file", failedWith: error)
    }
  }

  /// Calls `body` with memory that is released when this returns or throws.
  ///
  /// - Parameter work: What the memory is for, such as "resizing". Errors name it.
  func withScratch<R>(
    byteCount: Int, for work: String, _ body: (UnsafeMutableRawPointer) throws(BitmapError) -> R
  ) throws(BitmapError) -> R {
    var scratch: UniqueBuffer
    do {
      scratch = try UniqueBuffer(
        uninitializedByteCount: byteCount, arena: arena, file: file, line: line, function: function)
    } catch {
      throw BitmapError(allocationOf: byteCount, of: "scratch memory for \(work)", failedWith: error)
    }
    do throws(BitmapError) {
      let result = try unsafe scratch.withUnsafeMutableBytes { bytes throws(BitmapError) in
        guard let base = bytes.baseAddress else { throw .emptyBuffer }
        return try unsafe body(base)
      }
      scratch.dispose()
      return result
    } catch {
      scratch.dispose()
      throw error
    }
  }

  func dispose(_ buffer: NativeBuffer) {
    buffer.dispose(file: file, line: line, function: function)
  }
}

extension BitmapError {
  init(allocationOf byteCount: Int, of purpose: String = "pixels", failedWith error: any Error) {
    self.init(
      .outOfMemory, "there is no memory for \(byteCount) bytes of \(purpose) (\(error)).", underlyingError: error)
  }
}
