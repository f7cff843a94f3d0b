// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A process's resident set in bytes, from `/proc/PID/statm`; nil if there is no such process.
func residentSet(ofProcess id: Int) -> Int? {
  let file = unsafe open("/proc/\(id)/statm", O_RDONLY | O_CLOEXEC)
  guard file >= 0 else { return nil }
  defer { close(file) }
  // Seven numbers of at most 20 digits.
  var bytes = [UInt8](repeating: 0, count: 256)
  let count = unsafe read(file, &bytes, bytes.count)
  guard count > 0 else { return nil }
  let fields = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ")
  return fields.count > 1 ? Int(fields[1]).map { $0 * Int(getpagesize()) } : nil
}
