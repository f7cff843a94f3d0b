// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Limits how much memory this process may map.
public enum MemoryLimit {
  public enum Resource: Sendable { case addressSpace, data }

  /// Lets this process map this many bytes more.
  public static func set(_ resource: Resource = .addressSpace, to byteCount: Int) {
    set(resource, toWhole: rlim_t(used(resource) + byteCount))
  }

  /// Lets this process map as much as it likes.
  public static func lift(_ resource: Resource = .addressSpace) { set(resource, toWhole: .max) }

  private static func set(_ resource: Resource, toWhole byteCount: rlim_t) {
    var limit = rlimit(rlim_cur: byteCount, rlim_max: .max)
    let number = resource == .addressSpace ? RLIMIT_AS : RLIMIT_DATA
    let result = unsafe setrlimit(__rlimit_resource_t(number.rawValue), &limit)
    precondition(result == 0, "setrlimit failed with \(errno)")
  }

  private static func used(_ resource: Resource) -> Int {
    let descriptor = unsafe open("/proc/self/statm", O_RDONLY)
    precondition(descriptor >= 0, "open failed with \(errno)")
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 256)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    // These are the first and the sixth field of statm, in pages.
    let pages = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).split(separator: " ")
      .compactMap { Int($0.filter(\.isNumber)) }
    return pages[resource == .addressSpace ? 0 : 5] * 4_096
  }
}
