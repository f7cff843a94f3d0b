// SPDX-License-Identifier: Apache-2.0

package import Glibc
import NativeSynchronization

/// A path as the kernel has it: bytes, which are not always text.
package struct FilePath: Hashable, Sendable {
  /// The path without the terminating zero.
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }
  package init(_ text: String) { bytes = Array(text.utf8) }

  package enum Kind: Equatable {
    case folder, file
    /// What it is instead of a folder or a file, for a message.
    case other(String)
    /// The kernel's error number.
    case unknown(Int32)
  }

  /// The path for messages: bytes that are not text are replaced, and control characters are shown by their number.
  package var text: String { Self.printable(String(decoding: bytes, as: UTF8.self)) }

  /// The path for calls that take text; nil if its bytes are not text.
  package var exactText: String? { String(validating: bytes, as: UTF8.self) }

  package var lastComponent: FilePath { FilePath(Array(bytes.split(separator: UInt8(ascii: "/")).last ?? [])) }

  /// The path without its last component; nil if it has only one.
  package var parent: FilePath? {
    bytes.lastIndex(of: UInt8(ascii: "/")).map { FilePath(Array(bytes[..<$0])) }
  }

  /// Joins two paths that are text. Foundation's functions for this end the process for some short paths.
  package static func joining(_ folder: String, _ name: String) -> String {
    folder.utf8.last == UInt8(ascii: "/") ? folder + name : "\(folder)/\(name)"
  }

  package func appending(_ name: [UInt8]) -> FilePath { FilePath(bytes + [UInt8(ascii: "/")] + name) }

  package static func printable(_ text: String) -> String {
    text.unicodeScalars.contains { $0.properties.generalCategory == .control }
      ? text.unicodeScalars.map {
        $0.properties.generalCategory == .control ? "\\u{\(String($0.value, radix: 16))}" : String($0)
      }.joined() : text
  }

  /// The status of the file that the path leads to; nil if there is none.
  package func status() -> stat? {
    var status = stat()
    return unsafe withCString { unsafe stat($0, &status) } == 0 ? status : nil
  }

  package func kind(followingLinks: Bool) -> Kind {
    var status = stat()
    let result = unsafe withCString { path in unsafe followingLinks ? stat(path, &status) : lstat(path, &status) }
    guard result == 0 else { return .unknown(errno) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .folder
    case S_IFREG: return .file
    case S_IFLNK: return .other("a link")
    case S_IFIFO: return .other("a pipe")
    case S_IFSOCK: return .other("a socket")
    default: return .other("a device")
    }
  }

  /// What there is instead of a folder, such as "a device"; nil if there is a folder, or nothing.
  package var insteadOfFolder: String? {
    switch kind(followingLinks: true) {
    case .file: "a file"
    case .other(let what): what
    case .folder, .unknown: nil
    }
  }

  /// The names in a folder, sorted; nil, with `errno` set, if the folder cannot be read.
  package func names() -> [[UInt8]]? {
    guard let folder = unsafe withCString({ unsafe opendir($0) }) else { return nil }
    defer { unsafe closedir(folder) }
    var names: [[UInt8]] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { start in
          unsafe Array(UnsafeBufferPointer(start: start, count: 256).prefix { $0 != 0 })
        }
      }
      if name != [UInt8(ascii: ".")], name != [UInt8(ascii: "."), UInt8(ascii: ".")] { names.append(name) }
    }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  /// Calls a closure with a path that is text and opens this file, even if the file's own path is not text.
  /// - Throws: what `body` throws; ``BatchError`` if the file cannot be opened.
  package func withOpenablePath<R>(_ body: (String) throws -> R) throws -> R {
    if let exactText { return try body(exactText) }
    let descriptor = unsafe withCString { unsafe open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw BatchError("cannot be opened: \(systemMessage(errno))") }
    defer { close(descriptor) }
    return try body("/proc/self/fd/\(descriptor)")
  }

  /// Calls a closure with the file, open for reading; nil if it cannot be opened.
  func withDescriptor<R>(_ body: (Int32) -> R) -> R? {
    let descriptor = unsafe withCString { unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return body(descriptor)
  }

  private func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
    unsafe (bytes + [0]).withUnsafeBufferPointer { buffer in
      // SAFETY: CChar and UInt8 have the same layout; the buffer ends with the zero just added.
      unsafe buffer.withMemoryRebound(to: CChar.self) { unsafe body($0.baseAddress.unsafelyUnwrapped) }
    }
  }
}
