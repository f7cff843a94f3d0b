// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import ResourceLedger

@Suite("The ledger's region")
struct LedgerRegionTests {
  /// The descriptors of this process that are ledgers, as another process finds them.
  static func ledgers(of process: String = "self") -> [Int32] {
    let folder = "/proc/\(process)/fd"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).compactMap { name in
      let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)")
      return target?.hasPrefix("/memfd:native-buffers-ledger") == true ? Int32(name) : nil
    }
  }

  private static let none = LedgerEntry.Classification(domain: DomainNumber(rawValue: 0), bucket: 0)

  @Test("Others can open and map the ledger's file to read, and can neither write to it nor change its size")
  func seals() throws {
    let ledger = try Ledger(entryCapacity: 20_000, isShared: true)
    let descriptor = ledger.region.descriptor
    #expect(Self.ledgers().contains(descriptor))
    let other = unsafe open("/proc/self/fd/\(descriptor)", O_RDWR)
    try #require(other >= 0)
    defer { close(other) }
    let size = ledger.layout.regionSize
    #expect(unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0) == MAP_FAILED)
    var byte: UInt8 = 7
    #expect(unsafe pwrite(other, &byte, 1, 0) == -1)
    #expect(ftruncate(other, 4_096) == -1 && ftruncate(other, off_t(2 * size)) == -1)
    let view = unsafe mmap(nil, size, PROT_READ, MAP_SHARED, other, 0)
    let bytes = unsafe try #require(unsafe view != MAP_FAILED ? view : nil)
    defer { unsafe munmap(bytes, size) }
    #expect(unsafe bytes.load(as: UInt64.self) == LedgerLayout.magic)
    // What the process writes is seen at once.
    let entry = try ledger.acquireEntry(Self.none)
    entry.address = 0x1234
    #expect(unsafe bytes.load(fromByteOffset: ledger.layout.entries.offset + 8, as: UInt64.self) == 0x1234)
  }

  @Test("The file is not inherited by other programs, and a forked child does not get the mapping")
  func inheritance() throws {
    let ledger = try Ledger(entryCapacity: 100, isShared: true)
    let descriptor = ledger.region.descriptor
    #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
    let seen = try Command.run("/bin/ls", ["-l", "/proc/self/fd"])
    #expect(seen.exitCode == 0 && !seen.output.contains("native-buffers"))
    let maps = try Command.run("/bin/cat", ["/proc/\(getpid())/smaps"]).output
    let start = unsafe String(UInt(bitPattern: ledger.base), radix: 16)
    let lines = maps.split(separator: "\n")
    let mapping = try #require(
      lines.firstIndex { $0.hasPrefix("\(start)-") }, "\(start): \(lines.filter { $0.contains("memfd") })")
    let text = lines[mapping]
    #expect(text.contains("/memfd:native-buffers-ledger (deleted)"))
    // "dc": do not copy on fork.
    let flags = try #require(lines[mapping...].first { $0.hasPrefix("VmFlags:") })
    #expect(flags.split(separator: " ").contains("dc"), "\(flags)")
  }

  @Test("If the program closes the ledger's descriptor, the ledger works, and a file with that number is left alone")
  func closed() async {
    await #expect(processExitsWith: .success) {
      var ledger: Ledger? = try Ledger(entryCapacity: 100_000, isShared: true)
      guard let descriptor = ledger?.region.descriptor, descriptor > 2 else { fatalError() }
      let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
      let file = unsafe open(path, O_RDWR | O_CREAT | O_EXCL, 0o600)
      unsafe unlink(path)
      // Closes the ledger's file, and gives its number to the other one. A new file could get the number of another
      // descriptor, which another thread has just closed.
      let users = dup2(file, descriptor)
      guard users == descriptor else { fatalError("dup2: \(errno)") }
      for _ in 0..<100_000 { _ = try ledger?.acquireEntry(Self.none) }
      let child = Forking.fork()
      if child == 0 {
        // The child has the file at the same number, and must not close it.
        let isOpen = fcntl(users, F_GETFD) >= 0
        _exit(isOpen && ledger?.entryCount == 100_000 ? 0 : 1)
      }
      #expect(Forking.status(of: child) == 0)
      ledger = nil
      var status = stat()
      #expect(unsafe fstat(users, &status) == 0 && status.st_size == 0)
    }
  }

  /// Makes the process's ledger where the system refuses a file for it.
  private static func refused(_ body: @escaping @Sendable () -> Void) {
    body()
    let ledger = Ledger.shared
    guard !ledger.region.isShared else { fatalError("the ledger is shared") }
    for _ in 0..<40_000 { guard (try? ledger.acquireEntry(none)) != nil else { fatalError("no entry") } }
  }

  static func limit(_ resource: __rlimit_resource, to value: rlim_t) {
    let number = __rlimit_resource_t(resource.rawValue)
    var limit = rlimit()
    guard unsafe getrlimit(number, &limit) == 0 else { fatalError("getrlimit") }
    limit.rlim_cur = value
    guard unsafe setrlimit(number, &limit) == 0 else { fatalError("setrlimit") }
  }

  @Test("If the limit on the size of files is too small, the ledger is private, and one line says so")
  func fileSizeLimit() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        Self.refused { Self.limit(RLIMIT_FSIZE, to: 1 << 20) }
      })
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.components(separatedBy: "cannot read this process's ledger").count == 2, "\(text)")
    #expect(text.contains("ulimit -f"))
  }

  @Test("If the system gives no file, the ledger is private, and one line says why")
  func noDescriptor() async throws {
    let result = try #require(
      await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
        Self.refused { Self.limit(RLIMIT_NOFILE, to: 3) }
      })
    let text = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(text.components(separatedBy: "cannot read this process's ledger").count == 2, "\(text)")
    #expect(text.contains("Too many open files"))
  }

  @Test("If the process has no standard streams, the ledger does not take their place")
  func lowNumbers() async {
    await #expect(processExitsWith: .success) {
      for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { close(number) }
      guard let ledger = try? Ledger(entryCapacity: 100, isShared: true) else { _exit(2) }
      _exit(ledger.region.descriptor > STDERR_FILENO ? 0 : 3)
    }
  }
}
