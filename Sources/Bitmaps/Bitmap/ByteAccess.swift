// SPDX-License-Identifier: Apache-2.0

import NativeBuffers

// Access to the bytes of buffers and spans, with errors of this module.

extension NativeBuffer {
  /// `withUnsafeBytes`, with errors of this module.
  func reading<R>(_ body: (UnsafeRawBufferPointer) throws(BitmapError) -> R) throws(BitmapError) -> R {
    do {
      return try unsafe withUnsafeBytes { bytes in try unsafe body(bytes) }
    } catch let error as BitmapError {
      throw error
    } catch {
      throw BitmapError(accessFailedWith: error)
    }
  }

  /// `withUnsafeMutableBytes`, with errors of this module.
  func writing<R>(_ body: (UnsafeMutableRawBufferPointer) throws(BitmapError) -> R) throws(BitmapError) -> R {
    do {
      return try unsafe withUnsafeMutableBytes { bytes in try unsafe body(bytes) }
    } catch let error as BitmapError {
      throw error
    } catch {
      throw BitmapError(accessFailedWith: error)
    }
  }
}

extension RawSpan {
  /// `withUnsafeBytes`, with errors of this module.
  func reading<R>(_ body: (UnsafeRawBufferPointer) throws(BitmapError) -> R) throws(BitmapError) -> R {
    let result: Result<R, BitmapError> = unsafe withUnsafeBytes { bytes in
      do throws(BitmapError) {
        return .success(try unsafe body(bytes))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

extension BitmapError {
  init(accessFailedWith error: any Error) {
    self.init(.pixelsUnavailable, "the pixels cannot be reached (\(error)).", underlyingError: error)
  }
}
