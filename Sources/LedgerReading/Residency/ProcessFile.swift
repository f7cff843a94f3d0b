// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file of the folder that the kernel has for a process in `/proc`, open for reading.
struct ProcessFile: ~Copyable {
  let path: String
  private let descriptor: Int32

  /// - Throws: ``ResidencyError`` if there is no such process, or if the kernel refuses.
  init(_ name: String, ofProcess process: Int32) throws(ResidencyError) {
    path = "/proc/\(process)/\(name)"
    descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw ResidencyError(errno: errno, path: path) }
  }

  deinit { close(descriptor) }

  /// The whole file from its beginning.
  func readWhole() throws(ResidencyError) -> [UInt8] {
    do throws(ProcFile.SystemFailure) {
      return try ProcFile.contents(of: descriptor, firstCapacity: 1 << 20)
    } catch {
      throw ResidencyError(errno: error.number, path: path)
    }
  }

  /// Fills a buffer with the words at a position of the file.
  /// - Throws: ``ResidencyError``, with the code `vanished` if the file has no such position.
  func read(into words: UnsafeMutableBufferPointer<UInt64>, atWord position: UInt) throws(ResidencyError) {
    let wordByteCount = MemoryLayout<UInt64>.size
    var bytes = UnsafeMutableRawBufferPointer(words)
    var offset = off_t(clamping: position.multipliedReportingOverflow(by: UInt(wordByteCount)).partialValue)
    while unsafe !bytes.isEmpty {
      let length = unsafe pread(descriptor, bytes.baseAddress, bytes.count, offset)
      if length < 0, errno == EINTR { continue }
      guard length >= 0 else { throw ResidencyError(errno: errno, path: path) }
      guard length > 0 else { throw ResidencyError(.vanished, path: path) }
      unsafe bytes = UnsafeMutableRawBufferPointer(rebasing: bytes[length...])
      offset += off_t(length)
    }
  }
}
