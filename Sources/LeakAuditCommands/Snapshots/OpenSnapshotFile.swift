// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file that begins like a snapshot, open for reading. Only its first bytes have been read.
struct OpenSnapshotFile: ~Copyable {
  private let descriptor: Int32
  private let byteCount: Int

  /// - Returns: nil for every other file, and for one that cannot be opened.
  init?(_ path: String) {
    // O_NONBLOCK, because the path may be a pipe's, and to open it would wait for a writer.
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return nil }
    var status = stat()
    var start = [UInt8](repeating: 0, count: SnapshotFile.signature.count)
    guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      unsafe pread(file, &start, start.count, 0) == start.count, start == SnapshotFile.signature
    else {
      close(file)
      return nil
    }
    descriptor = file
    byteCount = Int(status.st_size)
  }

  deinit { close(descriptor) }

  /// The whole file, or as much of it as there is.
  /// - Throws: ``SnapshotFileError`` if the file is larger than any snapshot; it is not read then.
  func bytes() throws(SnapshotFileError) -> [UInt8] {
    guard byteCount <= SnapshotFile.largestByteCount else { throw .tooLarge }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe pread(descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done, off_t(done))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return Array(bytes[..<done]) }
      done += count
    }
    return bytes
  }
}
