// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

internal import Bitmaps

extension FilePath {
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

  /// What the path leads to.
  func kind(followingLinks: Bool) throws(Errno) -> FileKind {
    guard let status = status(followingLinks: followingLinks) else { throw Errno(rawValue: errno) }
    return FileKind(mode: status.st_mode)
  }

  /// Whether the path leads to a folder.
  var isFolder: Bool { (try? kind(followingLinks: true)) == .folder }

  /// The path of the same file without links; nil if there is no file.
  var withoutLinks: FilePath? {
    guard let real = unsafe withPlatformString({ unsafe realpath($0, nil) }) else { return nil }
    defer { unsafe free(real) }
    return unsafe FilePath(platformString: real)
  }

  /// Makes the folder, and the folders above it, if they are missing.
  func makeFolder() throws(Errno) {
    do {
      try makeOneFolder()
    } catch .noSuchFileOrDirectory where !removingLastComponent().isEmpty {
      try removingLastComponent().makeFolder()
      try makeOneFolder()
    }
  }

  private func makeOneFolder() throws(Errno) {
    guard !isFolder, unsafe withPlatformString({ unsafe mkdir($0, 0o777) }) != 0 else { return }
    let error = Errno(rawValue: errno)
    // Another thread may have made it meanwhile.
    guard error == .fileExists, isFolder else { throw error }
  }

  /// The names in a folder, sorted by their bytes.
  func names() throws(Errno) -> [FilePath.Component] {
    guard let folder = unsafe withPlatformString({ unsafe opendir($0) }) else { throw Errno(rawValue: errno) }
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
    guard descriptor >= 0 else { throw BatchError("the file cannot be opened: \(fileRefusal(errno))") }
    defer { close(descriptor) }
    return try body("/proc/self/fd/\(descriptor)")
  }

  /// Whether the file begins like a picture, of whatever format, or cannot be opened to look.
  var mayBePicture: Bool {
    guard let bytes = bytes(count: PictureFormat.signatureByteCount, at: 0) else { return true }
    // SAFETY: the array holds bytes, and all of them are initialised.
    return unsafe PictureFormat(recognizing: bytes.span.bytes) != nil
  }

  /// Some bytes of the file, fewer if it ends before or cannot be read; nil if it cannot be opened.
  func bytes(count: Int, at offset: off_t) -> [UInt8]? {
    let descriptor = unsafe withPlatformString { unsafe Glibc.open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      initializedCount = unsafe max(0, pread(descriptor, buffer.baseAddress, count, offset))
    }
  }
}
