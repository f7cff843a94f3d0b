// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers

/// Reads a picture's file whole, into a native buffer.
///
/// The file is read and not mapped: if a mapped file shrinks while it is decoded, SIGBUS ends the process.
enum EncodedFile {
  /// Calls `body` with the bytes of a file that begins like a picture that can be decoded, and with its format.
  ///
  /// Errors name the file, including errors of `body`. Cancellation of the task is checked at the start and after each
  /// piece of the file. Costs one copy of the file; a file that is not a picture costs a kilobyte.
  static func withBytes<R>(
    ofFileAt path: String, limits: DecodingLimits, context: AllocationContext,
    _ body: (UnsafeRawBufferPointer, Recognition) throws(BitmapError) -> R
  ) throws(BitmapError) -> R {
    do throws(BitmapError) {
      let deadline = WorkDeadline()
      try deadline.check()
      let descriptor = try open(path)
      defer { close(descriptor) }
      let byteCount = try regularFileByteCount(of: descriptor)
      let lead = try Lead(of: descriptor)
      _ = try lead.recognition.codec()
      guard byteCount <= limits.encodedByteCount else {
        throw BitmapError(
          exceeding: .init(
            name: "encodedByteCount", needed: byteCount, allowed: limits.encodedByteCount, unit: "bytes"),
          format: nil, subject: "this file")
      }
      let buffer = try context.buffer(byteCount: byteCount)
      defer { context.dispose(buffer) }
      let readCount = try unsafe buffer.writing { bytes throws(BitmapError) in
        try unsafe read(descriptor, into: bytes, after: lead, deadline)
      }
      return try unsafe buffer.reading { bytes throws(BitmapError) in
        // Fewer bytes than expected if the file was cut meanwhile; then the codec reports that the data ends early.
        try unsafe body(UnsafeRawBufferPointer(rebasing: bytes[..<readCount]), lead.recognition)
      }
    } catch {
      throw error.naming(path)
    }
  }

  private static func open(_ path: String) throws(BitmapError) -> Int32 {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw BitmapError(.unreadableFile, "this is no path of a file: it is empty or has a NUL in it.")
    }
    // O_NONBLOCK: opening a FIFO must not wait for a writer. The flag changes nothing for regular files.
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      throw BitmapError(.unreadableFile, "the file cannot be opened", refusedWith: errno)
    }
    return descriptor
  }

  private static func regularFileByteCount(of descriptor: Int32) throws(BitmapError) -> Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw BitmapError(.unreadableFile, "the file cannot be examined", refusedWith: errno)
    }
    let kind = FileKind(mode: status.st_mode)
    if kind == .file { return Int(status.st_size) }
    throw BitmapError(.unreadableFile, "this is \(kind.name), not a file. Give the path of a picture.")
  }

  /// The first bytes of a file, and the format that they announce. They are kept, so that the format stays that of the
  /// bytes in memory if the file is changed meanwhile.
  private struct Lead {
    private var bytes = InlineArray<1024, UInt8>(repeating: 0)
    let byteCount: Int
    let recognition: Recognition

    init(of descriptor: Int32) throws(BitmapError) {
      precondition(bytes.count == PictureFormat.signatureByteCount)
      var span = bytes.mutableSpan
      let result = unsafe span.withUnsafeMutableBytes { bytes in
        retryingInterrupted { unsafe pread(descriptor, bytes.baseAddress, bytes.count, 0) }
      }
      guard result >= 0 else {
        throw BitmapError(.unreadableFile, "the file cannot be read", refusedWith: errno)
      }
      byteCount = result
      // SAFETY: the array holds bytes, and all of them are initialised.
      recognition = unsafe Recognition(of: bytes.span.bytes.extracting(..<result))
    }

    /// Copies as many bytes as fit. Returns how many these are.
    func copy(to target: UnsafeMutableRawBufferPointer) -> Int {
      let count = min(byteCount, target.count)
      // SAFETY: the array holds bytes, and all of them are initialised.
      unsafe bytes.span.bytes.extracting(..<count).withUnsafeBytes { unsafe target.copyMemory(from: $0) }
      return count
    }
  }

  /// Reads the file from the end of its first bytes on, which are known already.
  private static func read(
    _ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer, after lead: Lead, _ deadline: WorkDeadline
  ) throws(BitmapError) -> Int {
    var count = unsafe lead.copy(to: bytes)
    try deadline.check()
    while count < bytes.count {
      let most = min(bytes.count - count, 16 << 20)
      let result = retryingInterrupted {
        unsafe pread(descriptor, bytes.baseAddress?.advanced(by: count), most, off_t(count))
      }
      try deadline.check()
      if result < 0 {
        throw BitmapError(.unreadableFile, "the file cannot be read", refusedWith: errno)
      }
      if result == 0 { break }
      count += result
    }
    return count
  }
}

/// Repeats a system call that a signal interrupted.
func retryingInterrupted(_ call: () -> Int) -> Int {
  while true {
    let result = call()
    if result >= 0 || errno != EINTR { return result }
  }
}

extension BitmapError {
  /// The error for a system call that failed with this `errno`. `what` says what could not be done.
  init(_ code: Code, _ what: String, refusedWith errorNumber: Int32) {
    self.init(code, "\(what): \(fileRefusal(errorNumber))", systemErrorNumber: errorNumber)
  }
}
