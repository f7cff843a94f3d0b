// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Reads files and links of `/proc`.
enum ProcFile {
  /// A whole file; nil if it cannot be read.
  static func contents(_ path: String) -> [UInt8]? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    return try? contents(of: file, firstCapacity: 1 << 12)
  }

  /// The whole of an open file from its beginning. The kernel gives out a page or so with each call.
  /// - Parameter firstCapacity: the bytes that are set aside before the first call. If the process reads a file about
  ///   its own mappings, it must not map memory between two calls: then this is more than the file has.
  static func contents(of file: Int32, firstCapacity: Int) throws(SystemFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var failure: Int32?
    var isAtEnd = false
    while !isAtEnd, failure == nil {
      let capacity = max(firstCapacity, 2 * bytes.count)
      bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
        _ = unsafe buffer.initialize(from: bytes)
        count = bytes.count
        while count < capacity, !isAtEnd, failure == nil {
          let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[count...])
          let length = unsafe Glibc.read(file, rest.baseAddress, rest.count)
          if length < 0, errno != EINTR { failure = errno }
          isAtEnd = length == 0
          count += max(0, length)
        }
      }
    }
    if let failure { throw SystemFailure(number: failure) }
    return bytes
  }

  /// Why the kernel refused a call: `errno`'s value.
  struct SystemFailure: Error { let number: Int32 }

  static func text(_ path: String) -> String? { contents(path).map { String(decoding: $0, as: UTF8.self) } }

  /// Where a symbolic link leads; nil if it cannot be read.
  static func link(_ path: String) -> String? {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &bytes, bytes.count)
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// The names in a folder that are numbers, ascending; nil if the folder cannot be read. `errno` then says why.
  static func numbers(in path: String) -> [Int]? {
    guard let folder = unsafe opendir(path) else { return nil }
    defer { unsafe closedir(folder) }
    var numbers: [Int] = []
    while let entry = unsafe readdir(folder) {
      // SAFETY: the kernel ends the name by a zero.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if let number = Int(name), number > 0 || name == "0" { numbers.append(number) }
    }
    return numbers.sorted()
  }

  /// `memchr` looks at the bytes: programs have many megabytes, and Swift's own search is slow in a debug build.
  private static func contains(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    let length = text.utf8CodeUnitCount
    let wanted = unsafe text.utf8Start
    var position = 0
    while let base = bytes.baseAddress, bytes.count - position >= length,
      let found = unsafe memchr(base + position, Int32(wanted[0]), bytes.count - position)
    {
      let start = unsafe UnsafeRawPointer(found) - base
      guard start + length <= bytes.count else { return false }
      if unsafe memcmp(found, wanted, length) == 0 { return true }
      position = start + 1
    }
    return false
  }

  /// Whether a file has these bytes anywhere; nil if it cannot be read. At most 1 GiB of it is read.
  static func file(_ path: String, contains text: StaticString) -> Bool? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    let overlap = text.utf8CodeUnitCount
    var piece = [UInt8](repeating: 0, count: 1 << 20)
    var kept = 0
    for _ in 0..<1_024 {
      let count = unsafe piece.withUnsafeMutableBytes { bytes in
        unsafe Glibc.read(file, bytes.baseAddress! + kept, bytes.count - kept)
      }
      if count < 0 { return nil }
      if count == 0 { return false }
      let end = kept + count
      let isFound = unsafe piece.withUnsafeBytes { bytes in
        unsafe contains(UnsafeRawBufferPointer(rebasing: bytes[..<end]), text)
      }
      if isFound { return true }
      // The text may begin at the end of this piece.
      kept = min(end, overlap - 1)
      piece.replaceSubrange(0..<kept, with: Array(piece[end - kept..<end]))
    }
    return false
  }
}
