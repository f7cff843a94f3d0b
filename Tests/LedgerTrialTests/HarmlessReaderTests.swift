// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import TestSupport
import Testing

@testable import ledger_trials

@Suite("What another process can do to a ledger")
struct HarmlessReaderTests {
  /// The path of the process's ledger, for other processes.
  private static func ledger(of process: Int) throws -> String {
    let folder = "/proc/\(process)/fd"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let name = names.first { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"))?
        .hasPrefix("/memfd:native-buffers-ledger") == true
    }
    return "\(folder)/\(try #require(name))"
  }

  /// Swift does not import it.
  private static func fallocate(_ file: Int32, _ mode: Int32, _ offset: Int, _ count: Int) throws -> Int32 {
    typealias Call = @convention(c) (Int32, Int32, Int, Int) -> Int32
    let symbol = unsafe try #require(unsafe dlsym(nil, "fallocate"))
    // SAFETY: this is its type, if off_t has 64 bits.
    return unsafe unsafeBitCast(symbol, to: Call.self)(file, mode, offset, count)
  }

  @Test("Another process of the same user can neither write to the ledger nor change its size, by no call")
  func refusals() throws {
    let process = try TrialProcess(["hold"])
    try process.line()
    let path = try Self.ledger(of: process.id)
    let before = try LedgerReader(process: process.id).snapshot()
    let file = unsafe open(path, O_RDWR | O_CLOEXEC)
    try #require(file >= 0)
    defer { close(file) }
    var status = stat()
    unsafe fstat(file, &status)
    let size = Int(status.st_size)

    // Memory
    #expect(unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) == MAP_FAILED)
    let view = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, file, 0)
    try #require(unsafe view != MAP_FAILED)
    defer { unsafe munmap(view, size) }
    #expect(unsafe mprotect(view, 4_096, PROT_READ | PROT_WRITE) == -1)
    // MADV_REMOVE
    #expect(unsafe madvise(view, 4_096, 9) == -1)
    // Bytes
    var bytes = [UInt8](repeating: 0xFF, count: 4_096)
    #expect(unsafe pwrite(file, &bytes, bytes.count, 0) == -1)
    #expect(unsafe write(file, &bytes, bytes.count) == -1)
    // Size and holes: FALLOC_FL_KEEP_SIZE is 1, and FALLOC_FL_PUNCH_HOLE 2.
    #expect(ftruncate(file, 4_096) == -1 && ftruncate(file, off_t(2 * size)) == -1)
    #expect(try Self.fallocate(file, 3, 0, 4_096) == -1)
    #expect(try Self.fallocate(file, 0, size, 4_096) == -1)
    #expect(unsafe open(path, O_RDWR | O_TRUNC) == -1)
    // What is allowed does not matter to the process: F_ADD_SEALS with all seals that there are, and the mode.
    for seal in 0..<6 { _ = fcntl(file, 1_033, 1 << Int32(seal)) }
    fchmod(file, 0o600)

    #expect(try LedgerReader(process: process.id).snapshot().sums == before.sums)
    try process.step()
    #expect(try OutsideReport(process.id).live.count == HoldingTrial.count - HoldingTrial.disposedCount)
    #expect(process.finish() == 0)
  }
}
