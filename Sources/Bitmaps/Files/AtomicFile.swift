// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// Writes a file completely or not at all.
enum AtomicFile {
  private static let sequence = Atomic<UInt64>(0)

  /// Writes a temporary file beside `path` and renames it. Errors do not name the path; the caller adds it.
  ///
  /// The new file gets the mode of the file that it replaces, and its owner if this process may set it. If `path` is a
  /// link, the link itself is replaced, as by Foundation's atomic writing.
  static func write(_ bytes: UnsafeRawBufferPointer, toFileAt path: String) throws(BitmapError) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw BitmapError(.unwritableFile, "this is no path of a file: it is empty or has a NUL in it.")
    }
    let replaced = try statusOfFile(at: path)
    // A user who may not read the old file must not be able to read the new one while it is written.
    let (descriptor, temporaryPath) = try createTemporaryFile(beside: path, mode: replaced == nil ? 0o666 : 0o600)
    do throws(BitmapError) {
      do throws(BitmapError) {
        try unsafe write(bytes, to: descriptor)
        if let replaced { give(descriptor, rightsOf: replaced) }
      } catch {
        close(descriptor)
        throw error
      }
      // Some file systems report a full disk only here.
      guard close(descriptor) == 0 else { throw failure("the file cannot be written") }
      guard unsafe rename(temporaryPath, path) == 0 else { throw failure("the file cannot take its name") }
    } catch {
      unsafe unlink(temporaryPath)
      throw error
    }
  }

  /// The status of the regular file that `path` leads to; nil if there is nothing. Throws if there is anything else: a
  /// rename over a pipe or a device, or over a link to one such as `/dev/stdout`, would remove it.
  private static func statusOfFile(at path: String) throws(BitmapError) -> stat? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else {
      // A link that leads nowhere is treated like a missing file. If a link leads where this process may not look, it
      // is unknown what would be replaced. Other errors occur again when the file is created, and are explained there.
      if errno == EACCES, unsafe lstat(path, &status) == 0 {
        throw BitmapError(
          .unwritableFile, "this is a link to where this process may not look. Give the path of the file itself.")
      }
      return nil
    }
    let kind = FileKind(mode: status.st_mode)
    guard kind == .file else {
      throw BitmapError(.unwritableFile, "this is \(kind.name), which is not replaced by a file. Give another path.")
    }
    try refuseSpecialLink(at: path)
    return status
  }

  /// Refuses links into `/proc` and `/dev`. For example, `/dev/stdout` is a link into `/proc`, and can lead to a
  /// regular file, to which the shell redirected. If the link were replaced, every process would lose it.
  private static func refuseSpecialLink(at path: String) throws(BitmapError) {
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &buffer, buffer.count)
    let destination = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard ["/proc/", "/dev/"].contains(where: destination.hasPrefix) else { return }
    throw BitmapError(
      .unwritableFile, "this is a link to \(destination), which is not replaced by a file. Give another path.")
  }

  /// Sets owner and mode as far as this process may. If a call fails, the file has fewer rights than the other file,
  /// never more.
  private static func give(_ descriptor: Int32, rightsOf other: stat) {
    _ = fchown(descriptor, other.st_uid, other.st_gid) == 0 || fchown(descriptor, uid_t.max, other.st_gid) == 0
    var own = stat()
    guard unsafe fstat(descriptor, &own) == 0 else { return }
    // Set-user-ID and similar bits are dropped: they were given to other contents.
    var mode = other.st_mode & 0o777
    // If the group could not be set, its members get no more rights than all other users.
    if own.st_gid != other.st_gid { mode &= 0o707 | (mode & 0o007) << 3 }
    _ = fchmod(descriptor, mode)
  }

  private static func createTemporaryFile(
    beside path: String, mode: mode_t
  ) throws(BitmapError) -> (Int32, path: String) {
    let folder = path.lastIndex(of: "/").map { path[...$0] } ?? ""
    // A short name without the target's, because the target's name may already have the greatest length.
    for _ in 0..<100 {
      let number = sequence.wrappingAdd(1, ordering: .relaxed).newValue
      let temporaryPath = "\(folder).bitmap-\(getpid())-\(number).tmp"
      let descriptor = unsafe open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
      if descriptor >= 0 { return (descriptor, temporaryPath) }
      // A killed process with the same process ID left this file.
      guard errno == EEXIST else { break }
    }
    throw failure("no file can be created in its folder")
  }

  private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws(BitmapError) {
    var count = 0
    while count < bytes.count {
      let result = retryingInterrupted {
        unsafe Glibc.write(descriptor, bytes.baseAddress?.advanced(by: count), bytes.count - count)
      }
      guard result >= 0 else { throw failure("the file cannot be written") }
      count += result
    }
  }

  private static func failure(_ what: String) -> BitmapError {
    BitmapError(.unwritableFile, what, refusedWith: errno)
  }
}
