// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How much memory this process has, and how much more the kernel lets it map.
package enum ProcessMemory {
  /// Bytes of this process that are in memory now.
  package static var residentByteCount: Int { pages(.resident) * pageByteCount }

  /// Bytes that the process may still map under its own limits (`ulimit -v`, `ulimit -d`); nil for no limit.
  /// Cost: two system calls; three more and 2 µs if there is a limit.
  package static var mappableByteCount: Int? { nearestLimit?.left }

  /// Bytes of address space that the process may still reserve (`ulimit -v`); nil for no limit.
  package static var reservableByteCount: Int? { room(under: .addressSpace)?.left }

  /// The limit that further mappings will reach first, and the bytes that are left until then; nil if there is no
  /// limit.
  package static var nearestLimit: (limit: Limit, byteCount: Int, left: Int)? {
    [Limit.addressSpace, .data].compactMap(room(under:)).min { $0.left < $1.left }
  }

  /// A limit of the process on what it maps.
  package enum Limit: Sendable {
    /// All address space: `ulimit -v`.
    case addressSpace
    /// Private memory that can be written: `ulimit -d`.
    case data
  }

  private static func room(under limit: Limit) -> (limit: Limit, byteCount: Int, left: Int)? {
    var value = rlimit()
    let resource = limit == .addressSpace ? RLIMIT_AS : RLIMIT_DATA
    guard unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &value) == 0, value.rlim_cur <= UInt64(Int.max)
    else { return nil }
    let byteCount = Int(value.rlim_cur)
    let used = pages(limit == .addressSpace ? .mapped : .data) * pageByteCount
    return (limit, byteCount, max(0, byteCount - used))
  }

  private static var pageByteCount: Int { Int(sysconf(Int32(_SC_PAGESIZE))) }

  /// Positions in /proc/self/statm.
  private enum Field: Int {
    case mapped = 0
    case resident = 1
    case data = 5
  }

  /// A field's number of pages; 0 if the file cannot be read. Allocates nothing, because it is called when memory is
  /// short.
  private static func pages(_ field: Field) -> Int {
    // A string that is not static would be copied to memory of its own for the call.
    let path: StaticString = "/proc/self/statm"
    // SAFETY: a static string has a zero at its end, and bytes are characters of C.
    let file = unsafe open(UnsafeRawPointer(path.utf8Start).assumingMemoryBound(to: CChar.self), O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    return unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { bytes in
      let length = unsafe read(file, bytes.baseAddress, bytes.count)
      var position = 0
      var number = 0
      for index in 0..<max(0, length) {
        let byte = unsafe bytes[index]
        if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
          number = number &* 10 &+ Int(byte &- UInt8(ascii: "0"))
        } else if position == field.rawValue {
          return number
        } else {
          position += 1
          number = 0
        }
      }
      return 0
    }
  }
}
