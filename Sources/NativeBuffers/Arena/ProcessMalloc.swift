// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc
import NativeSynchronization
import Synchronization

/// The `malloc` that this process calls: whose it is, and how much it has given out.
///
/// It is glibc's unless the trait `JemallocMalloc`, a preloaded library or a sanitizer says otherwise, and it is asked
/// at run time.
package enum ProcessMalloc {
  package enum Owner: Sendable { case jemalloc, glibc, another }

  package static var owner: Owner {
    switch cjemalloc_process_malloc() {
    case CJEMALLOC_MALLOC_OF_JEMALLOC: .jemalloc
    case CJEMALLOC_MALLOC_OF_GLIBC: .glibc
    default: .another
    }
  }

  /// The name of the file that holds it, as "libc.so.6".
  package static var fileName: String {
    // SAFETY: a string that the loader keeps as long as the file is loaded.
    let path = unsafe String(cString: cjemalloc_process_malloc_file())
    return path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The first 32 bytes of ``fileName``, padded with zeros. Allocates nothing.
  static var fileNameWords: InlineArray<4, UInt64> {
    var words = InlineArray<4, UInt64>(repeating: 0)
    // SAFETY: a string that the loader keeps as long as the file is loaded.
    unsafe withExtendedLifetime(cjemalloc_process_malloc_file()) { path in
      let length = unsafe strlen(path)
      var start = length
      while start > 0, unsafe path[start - 1] != CChar(bitPattern: UInt8(ascii: "/")) { start -= 1 }
      for index in 0..<min(32, length - start) {
        words[index / 8] |= UInt64(UInt8(bitPattern: unsafe path[start + index])) << UInt64(index % 8 * 8)
      }
    }
    return words
  }

  /// The bytes that glibc's malloc has given out and not got back; nil if the process's malloc is another, or another
  /// thread is counting for the first time. The caller holds no lock.
  ///
  /// glibc takes its time to count, because it walks the lists of free blocks. So the answer may be old: by a tenth of
  /// a second, or by 20 times as long as the last count took. A thread never waits while another one counts.
  package static var allocatedByGlibc: Int? {
    guard owner == .glibc else { return nil }
    return GlibcCount.shared.value.current()
  }

  static func makeStatics() { ForkGuard.touch(GlibcCount.shared) }
}

/// What glibc's malloc counted last.
// SAFETY: the fields change under `lock`; `known` is atomic.
private final class GlibcCount: @unchecked Sendable {
  static let shared = ForkSafeLazy { GlibcCount() }

  private let lock = RankedLock(.mallocCount)
  /// The bytes; -1 before the first count.
  private let known = Atomic<Int>(-1)
  private var nextCount: UInt64 = 0

  func current() -> Int? {
    if lock.tryLock() {
      let start = MonotonicClock.now
      if start >= nextCount {
        known.store(Int(clamping: cjemalloc_glibc_allocated()), ordering: .relaxed)
        let end = MonotonicClock.now
        nextCount = end + max(100_000_000, 20 * (end - start))
      }
      lock.unlock()
    }
    let bytes = known.load(ordering: .relaxed)
    return bytes < 0 ? nil : bytes
  }
}
