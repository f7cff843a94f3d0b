// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import TestSupport

/// A program that closes descriptors that it does not know, as daemons do, and then opens files. One of these gets the
/// number that the ledger had.
enum ClosingTrial {
  static let fileCount = 64
  static let bufferCount = 100_000
  static let disposedCount = 50_000
  static let byteCount = 64
  static func content(ofFile number: Int) -> String { "file \(number) of the program\n" }

  static func run(_ folder: String) throws {
    let first = try NativeBuffer(byteCount: byteCount)
    let ledger = ledgerDescriptors()
    LedgerTrials.require(ledger.count == 1, "the ledger's descriptor")
    closefrom(3)
    let files = (0..<fileCount).map { number in
      let file = unsafe open("\(folder)/\(number)", O_RDWR | O_CREAT | O_EXCL, 0o600)
      var text = content(ofFile: number)
      let count = text.utf8.count
      LedgerTrials.require(text.withUTF8 { unsafe write(file, $0.baseAddress, count) } == count, "write")
      return file
    }
    LedgerTrials.require(files.contains(ledger[0]), "no file has the ledger's number")

    let buffers = try (0..<bufferCount).map { _ in try NativeBuffer(uninitializedByteCount: byteCount) }
    let child = Forking.fork()
    if child == 0 {
      let own = try? NativeBuffer(byteCount: byteCount)
      _exit(own != nil && buffers[0].dispose() ? 0 : 1)
    }
    LedgerTrials.require(Forking.status(of: child) == 0, "the child")
    for buffer in buffers.prefix(disposedCount) { buffer.dispose() }
    for (number, file) in files.enumerated() {
      let length = off_t(content(ofFile: number).utf8.count)
      LedgerTrials.require(lseek(file, 0, SEEK_CUR) == length, "file \(number) was moved or closed")
    }
    LedgerTrials.pause("done")
    withExtendedLifetime((first, buffers)) {}
  }

  /// The descriptors with a ledger, in a file without a name or with the name that the environment says.
  private static func ledgerDescriptors() -> [Int32] {
    let path = unsafe getenv("NATIVE_BUFFERS_LEDGER").map { unsafe String(cString: $0) }
    return (Int32(3)..<1_000).filter { number in
      var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
      let count = unsafe readlink("/proc/self/fd/\(number)", &bytes, bytes.count)
      guard count > 0 else { return false }
      let target = String(decoding: bytes[..<count], as: UTF8.self)
      return target == path || target.hasPrefix("/memfd:native-buffers-ledger")
    }
  }
}
