// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import Synchronization

/// The page by which a process can be asked to count its books: see Ledger-Layout.md, "Answers".
// SAFETY: the mapping is unmapped only with this object; its file is sealed against shrinking; its first word is
// changed by atomic operations only.
@safe final class RequestPage: @unchecked Sendable {
  /// The start of the memfd's name.
  private static var memfdName: StaticString { "native-buffers-request" }
  private static var byteCount: Int { 4_096 }

  private let page: UnsafeMutableRawPointer

  /// Opens the page of a process.
  /// - Returns: nil if the process has none, or this process may not write to it.
  init?(process id: Int) {
    guard let files = OpenFiles(ofProcess: id) else { return nil }
    var page = unsafe files.nameless(Self.memfdName).lazy.compactMap(Self.map).first
    if unsafe page == nil {
      let closed = files.closed(Self.memfdName, MemoryMap.sharedMappings(ofProcess: id))
      unsafe page = closed.lazy.compactMap(Self.map).first
    }
    guard let page = unsafe page else { return nil }
    unsafe self.page = unsafe page
  }

  deinit { unsafe munmap(page, Self.byteCount) }

  private static func map(_ path: String) -> UnsafeMutableRawPointer? {
    let file = unsafe open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    // The process may have put another file there meanwhile. Only files without a name have seals, so no other file is
    // ever written to; and a file that cannot shrink causes no SIGBUS.
    let seals = fcntl(file, getSeals)
    var status = stat()
    guard seals >= 0, seals & sealShrink != 0, unsafe fstat(file, &status) == 0, status.st_size >= byteCount else {
      return nil
    }
    let page = unsafe mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    guard let page = unsafe page, unsafe page != MAP_FAILED else { return nil }
    return unsafe page
  }

  // linux/fcntl.h; not imported.
  private static var getSeals: Int32 { 1034 }
  private static var sealShrink: Int32 { 2 }

  /// Asks the process for an answer.
  func ask() {
    let word = unsafe page.assumingMemoryBound(to: Atomic<UInt32>.self)
    unsafe word.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    unsafe cnativeruntime_wake_foreign(page.assumingMemoryBound(to: UInt32.self))
  }
}

extension LedgerReader {
  /// Asks the process to count its own books and the allocator's, and waits for its answer, which the next
  /// ``snapshot(_:)`` has. A process answers at most every 50 ms.
  /// - Parameter timeout: how long to wait at most.
  /// - Returns: the number of the answer; nil if the process did not answer: because it is stopped, has no maintenance
  ///   thread or no buffer yet, has ended, or may not be asked; or if this is a ledger in a file.
  /// - Throws: ``LedgerReadingError`` if the ledger's header cannot be read.
  package func requestAnswer(timeout: Duration) throws(LedgerReadingError) -> Int? {
    guard let process, let page = RequestPage(process: process.id) else { return nil }
    let before = try AnswerReader.number(source)
    page.ask()
    let clock = ContinuousClock()
    let end = clock.now + timeout
    var pause: UInt32 = 200
    while true {
      let number = try AnswerReader.number(source)
      if number != before { return number }
      guard clock.now < end, process.isRunning else { return nil }
      usleep(pause)
      pause = min(5_000, pause * 2)
    }
  }
}
