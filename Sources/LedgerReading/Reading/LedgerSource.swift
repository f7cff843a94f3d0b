// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger

/// The bytes of a ledger: a memfd or a file that another process may be writing, and that another program may cut.
///
/// Everything is read by `pread`, because an access to a mapping of a file that was cut ends the reader. Only what the
/// kernel keeps from becoming shorter (`F_SEAL_SHRINK`) is mapped, and only to read a record again that changes faster
/// than two calls of `pread`.
// SAFETY: the descriptor and the mapping change only in `deinit`; the mapping is only read.
@safe final class LedgerSource: @unchecked Sendable {
  let subject: LedgerSubject
  private let descriptor: Int32
  /// The size of the file when it was opened.
  let byteCount: Int
  private let isSealed: Bool

  /// - Throws: ``LedgerReadingError`` if the file cannot be opened, or is no regular file.
  init(path: String, subject: LedgerSubject) throws(LedgerReadingError) {
    self.subject = subject
    // O_NONBLOCK, because the path may be a pipe's, and to open it would wait for a writer.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else {
      throw LedgerReadingError(LedgerReadingError.Reason(openFailedWith: errno, subject), of: subject)
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw LedgerReadingError(.notALedger(LedgerReadingError.NotALedger(mode: status.st_mode)), of: subject)
    }
    self.descriptor = descriptor
    byteCount = Int(status.st_size)
    let seals = fcntl(descriptor, Self.getSeals)
    isSealed = seals >= 0 && seals & Self.sealShrink != 0
  }

  deinit { close(descriptor) }

  // linux/fcntl.h; not imported.
  private static var getSeals: Int32 { 1034 }
  private static var sealShrink: Int32 { 2 }

  /// The file's size now.
  var currentByteCount: Int {
    var status = stat()
    return unsafe fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
  }

  /// The device and the inode, by which `smaps` names a mapping of this file.
  var identity: (device: MemoryMap.Device, inode: UInt64) {
    var status = stat()
    _ = unsafe fstat(descriptor, &status)
    let number = UInt64(status.st_dev)
    // As glibc's `major` and `minor`, which are macros.
    let device = MemoryMap.Device(
      major: UInt32(truncatingIfNeeded: number >> 8 & 0xFFF | number >> 32 & ~0xFFF),
      minor: UInt32(truncatingIfNeeded: number & 0xFF | number >> 12 & ~0xFF))
    return (device, UInt64(status.st_ino))
  }

  /// Fills the buffer with the bytes at an offset.
  /// - Throws: ``LedgerReadingError`` if the file ends before, or the kernel cannot read it.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(LedgerReadingError) {
    var done = 0
    while done < buffer.count {
      let count = unsafe pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
      if count > 0 {
        done += count
      } else if count == 0 {
        throw LedgerReadingError(
          .changedWhileRead(what: "it ended at byte \((offset + done).grouped), and was longer before"), of: subject)
      } else if errno != EINTR {
        throw LedgerReadingError(.inputOutput(call: "pread", errno: errno), of: subject)
      }
    }
  }

  /// Reads some bytes. For what is small, and whose size is known.
  func bytes(at offset: Int, count: Int) throws(LedgerReadingError) -> RecordBytes {
    let bytes = RecordBytes(count: count)
    unsafe try read(at: offset, into: bytes.buffer)
    return bytes
  }

  /// The next bytes from `start` that are no hole. A file can have holes of many terabytes, which read as zeros: to
  /// read them would take hours.
  /// - Returns: nil if there is nothing but holes.
  func data(from start: Int) -> Range<Int>? {
    let begin = lseek(descriptor, off_t(start), Self.seekData)
    if begin < 0 { return errno == ENXIO ? nil : start..<Int.max }
    let end = lseek(descriptor, begin, Self.seekHole)
    return Int(begin)..<(end > begin ? Int(end) : Int.max)
  }

  // linux/fs.h; not imported.
  private static var seekData: Int32 { 3 }
  private static var seekHole: Int32 { 4 }

  /// Maps a part of the file to read it; nil if the file may become shorter, or there is no address space.
  /// - Parameter offset: a whole number of pages.
  func map(at offset: Int, byteCount: Int) -> LedgerMapping? {
    guard isSealed, byteCount > 0, byteCount <= currentByteCount - offset else { return nil }
    let start = unsafe mmap(nil, byteCount, PROT_READ, MAP_SHARED, descriptor, off_t(offset))
    guard let start = unsafe start, unsafe start != MAP_FAILED else { return nil }
    return unsafe LedgerMapping(start: start, byteCount: byteCount)
  }
}

/// A mapping of a part of a ledger.
// SAFETY: the mapped file is sealed against shrinking, and the mapping is only read.
@safe final class LedgerMapping: @unchecked Sendable {
  private let start: UnsafeMutableRawPointer
  private let byteCount: Int

  fileprivate init(start: UnsafeMutableRawPointer, byteCount: Int) {
    unsafe self.start = start
    self.byteCount = byteCount
  }

  deinit { unsafe munmap(start, byteCount) }

  /// Copies some bytes that another process may be changing.
  func copy(_ offset: Int, _ count: Int, to bytes: RecordBytes, at place: Int) {
    precondition(offset >= 0 && count >= 0 && offset <= byteCount - count)
    unsafe bytes.part(place..<place + count).baseAddress!.copyMemory(from: start + offset, byteCount: count)
  }
}

extension LedgerReadingError.NotALedger {
  /// - Parameter mode: of something that could be opened, and is no regular file.
  init(mode: mode_t) {
    switch mode & S_IFMT {
    case S_IFDIR: self = .folder
    case S_IFIFO: self = .pipe
    default: self = .device
    }
  }
}

extension LedgerReadingError.Owner {
  init(of subject: LedgerSubject) {
    var status = stat()
    let owner: Int? =
      switch subject {
      case .process(let id): ProcessStatus.effectiveUser(id)
      case .file(let path): unsafe stat(path, &status) == 0 ? Int(status.st_uid) : nil
      }
    self = owner.map { $0 == Int(geteuid()) ? .sameUser : .otherUser($0) } ?? .unknown
  }
}

extension LedgerReadingError.Reason {
  /// Why a file could not be opened.
  init(openFailedWith code: Int32, _ subject: LedgerSubject) {
    switch code {
    case EACCES, EPERM: self = .notPermitted(errno: code, owner: LedgerReadingError.Owner(of: subject))
    case ENOENT, ENOTDIR, ESRCH, ENXIO:
      if case .process = subject {
        self = .noSuchProcess
      } else {
        self = code == ENXIO ? .notALedger(.socket) : .noSuchFile
      }
    default: self = .inputOutput(call: "open", errno: code)
    }
  }
}
