// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Memory between two pages that must not be touched: a read or write beside the memory ends the process. So faults of
/// libjpeg, libpng and libwebp are found, too, which are not built with AddressSanitizer. The memory is mapped once,
/// and used for one input after the other.
@safe struct GuardedMemory {
  private let area: UnsafeMutableRawBufferPointer

  init(byteCount: Int) {
    let page = 4096
    let inner = (byteCount + page - 1) / page * page
    let start = unsafe mmap(nil, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let start = unsafe start, unsafe start != MAP_FAILED,
      unsafe mprotect(start + page, inner, PROT_READ | PROT_WRITE) == 0
    else { fatalError("No memory between guarded pages") }
    unsafe area = UnsafeMutableRawBufferPointer(start: start + page, count: inner)
  }

  /// The last bytes of the memory, or the first: both are next to a forbidden page.
  func bytes(_ byteCount: Int, atEnd: Bool) -> UnsafeMutableRawBufferPointer {
    let start = atEnd ? unsafe area.count - byteCount : 0
    return unsafe UnsafeMutableRawBufferPointer(rebasing: area[start..<start + byteCount])
  }
}
