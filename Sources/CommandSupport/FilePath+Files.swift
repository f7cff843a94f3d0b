// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import SystemPackage

extension FilePath {
  /// What is at a path.
  enum FileKind: Equatable {
    case folder, file
    /// What it is instead of a folder or a file, for a message.
    case other(String)
    /// The kernel's error number.
    case unknown(Int32)
  }

  /// The path as text; nil if its bytes are not text.
  var exactText: String? { String(validating: self) }

  /// The path for messages: bytes that are not text are replaced, and control characters are shown by their number.
  var printable: String { Self.printable(string) }

  static func printable(_ text: String) -> String {
    text.unicodeScalars.contains { $0.properties.generalCategory == .control }
      ? text.unicodeScalars.map {
        $0.properties.generalCategory == .control ? "\\u{\(String($0.value, radix: 16))}" : String($0)
      }.joined() : text
  }

  /// The status of the file that the path leads to; nil if there is none.
  func status() -> Glibc.stat? { status(followingLinks: true) }

  /// Nil, with `errno` set, if there is none.
  private func status(followingLinks: Bool) -> Glibc.stat? {
    var status = Glibc.stat()
    // `fstatat`, because swift-system gives paths a method `stat`, which hides the function.
    let flags = followingLinks ? 0 : AT_SYMLINK_NOFOLLOW
    return unsafe withPlatformString { unsafe fstatat(AT_FDCWD, $0, &status, flags) } == 0 ? status : nil
  }

  func kind(followingLinks: Bool) -> FileKind {
    guard let status = status(followingLinks: followingLinks) else { return .unknown(errno) }
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
  var insteadOfFolder: String? {
    switch kind(followingLinks: true) {
    case .file: "a file"
    case .other(let what): what
    case .folder, .unknown: nil
    }
  }

  /// The names in a folder, sorted by their bytes; nil, with `errno` set, if the folder cannot be read.
  func names() -> [FilePath.Component]? {
    guard let folder = unsafe withPlatformString({ unsafe opendir($0) }) else { return nil }
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
    return names.sorted { $0.lexicographicallyPrecedes($1) }.compactMap { name in
      // SAFETY: the name ends with the zero that is added here.
      unsafe FilePath.Component(platformString: (name + [0]).map { CChar(bitPattern: $0) })
    }
  }

  /// Calls a closure with a path that is text and opens this file, even if the file's own path is not text.
  /// - Throws: what `body` throws; ``BatchError`` if the file cannot be opened.
  func withOpenablePath<R>(_ body: (String) throws -> R) throws -> R {
    if let exactText { return try body(exactText) }
    let descriptor = unsafe withPlatformString { unsafe Glibc.open($0, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw BatchError("cannot be opened: \(systemMessage(errno))") }
    defer { close(descriptor) }
    return try body("/proc/self/fd/\(descriptor)")
  }

  /// Calls a closure with the file, open for reading; nil if it cannot be opened.
  func withDescriptor<R>(_ body: (Int32) -> R) -> R? {
    let descriptor = unsafe withPlatformString { unsafe Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return body(descriptor)
  }
}
