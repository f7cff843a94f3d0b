// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport
import NativeBuffers

/// Many live buffers, for figures of the audit.
// SAFETY: allocated once with room for `count` buffers; all of them are initialised between init and deinit.
@safe public final class LiveBuffers {
  private let buffers: UnsafeMutablePointer<UniqueBuffer>
  public let count: Int

  /// Creates `count` buffers of `byteCount` bytes each.
  public init(count: Int, byteCount: Int) throws {
    self.count = count
    unsafe buffers = .allocate(capacity: count)
    for index in 0..<count {
      unsafe (buffers + index).initialize(to: try UniqueBuffer(uninitializedByteCount: byteCount))
    }
  }

  /// Writes one byte in each page of each buffer.
  public func touchAll() {
    for index in 0..<count {
      unsafe buffers[index].withUnsafeMutableBytes { unsafe bench_touch_pages($0.baseAddress, $0.count) }
    }
  }

  deinit {
    for index in 0..<count { unsafe (buffers + index).move().dispose() }
    unsafe buffers.deallocate()
  }
}
