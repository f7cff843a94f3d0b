// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Whether there is room for one more thread.
///
/// The library asks before it starts a thread, or has Dispatch start one. Without room, jemalloc 5.3 may end the
/// process at the thread's first allocation, and Dispatch lets the calling thread sleep until there is room, perhaps
/// for ever.
///
/// Not promised: if other code takes the room right after the answer, the thread cannot be started all the same.
package enum ThreadRoom {
  /// Bytes that a start needs beside the thread's stack: what `malloc` maps at a thread's first allocation, with some
  /// to spare.
  private static var neededBesideStack: Int { 24 << 20 }

  /// Whether the process may map as much memory as a start needs. Cost: two system calls if the process's memory is not
  /// limited, and four if it is.
  package static var isAvailable: Bool {
    guard isLimited(RLIMIT_AS) || isLimited(RLIMIT_DATA) else { return true }
    let byteCount = stackByteCount + neededBesideStack
    // Writable, so that it also counts against a limit on private memory. No page of it is touched.
    let region = unsafe mmap(
      nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else { return false }
    unsafe munmap(region, byteCount)
    return true
  }

  private static func isLimited(_ resource: __rlimit_resource) -> Bool {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return false }
    return limit.rlim_cur != rlim_t.max
  }

  /// The size of a new thread's stack, which `ulimit -s` may have set when the process began.
  private static var stackByteCount: Int {
    var attributes = pthread_attr_t()
    guard unsafe pthread_attr_init(&attributes) == 0 else { return 8 << 20 }
    defer { unsafe pthread_attr_destroy(&attributes) }
    var byteCount = 0
    return unsafe pthread_attr_getstacksize(&attributes, &byteCount) == 0 ? byteCount : 8 << 20
  }
}
