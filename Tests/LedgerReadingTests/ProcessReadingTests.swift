// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Ledgers of processes")
struct ProcessReadingTests {
  /// Why the ledger of a process cannot be read; nil if it can.
  private static func refusal(_ id: Int) -> LedgerReadingError? {
    do throws(LedgerReadingError) {
      _ = try LedgerReader(process: id).snapshot()
      return nil
    } catch {
      return error
    }
  }

  /// Starts a command that ends when this process says so.
  private static func start() throws -> SpawnedProcess { try SpawnedProcess(["/bin/sleep", "1000"]) }

  @Test("A process that does not exist is named in the error", arguments: [-1, 0, 4_194_305, Int.max])
  func noProcess(_ id: Int) {
    let error = Self.refusal(id)
    #expect(error?.code == .noSuchProcess && error?.description.contains("process \(id)") == true)
  }

  @Test("A process whose program does not use the library is refused with that reason")
  func noLedger() throws {
    let process = try Self.start()
    defer {
      kill(process.id, SIGKILL)
      _ = process.wait()
    }
    let id = Int(process.id)
    let error = try #require(Self.refusal(id))
    #expect(error.reason == .noLedger(usesLibrary: false))
    #expect(error.description.contains("does not seem to use NativeBuffers"))
    #expect(!LedgerReader.processes().contains { $0.processID == id })
  }

  @Test("A process that has ended, and whose parent has not yet asked for its status, is no process any more")
  func zombie() throws {
    var id = pid_t()
    let argument = unsafe strdup("/bin/true")
    defer { unsafe free(argument) }
    try #require(unsafe posix_spawn(&id, "/bin/true", nil, nil, [argument, nil], environ) == 0)
    var info = unsafe siginfo_t()
    try #require(unsafe waitid(P_PID, id_t(id), &info, WEXITED | WNOWAIT) == 0)
    #expect(Self.refusal(Int(id))?.code == .noSuchProcess)
    let ended = waitpid(id, nil, 0)
    #expect(ended == id)
  }

  @Test("A process of another user is refused, and the message says what to do")
  func permission() async {
    await #expect(processExitsWith: .exitCode(0)) {
      guard geteuid() == 0 else { return }
      let process = try Self.start()
      defer {
        _ = seteuid(0)
        kill(process.id, SIGKILL)
      }
      guard seteuid(65_534) == 0 else { exit(1) }
      let error = Self.refusal(Int(process.id))
      guard error?.code == .notPermitted, error?.description.contains("as root") == true else { exit(2) }
      guard LedgerReader.processes(allUsers: true).allSatisfy({ $0.processID != Int(process.id) }) else {
        exit(3)
      }
    }
  }

  /// What this process is, in the fields of a ledger's header.
  private struct Identity {
    var startTime: UInt64
    var bootID: [UInt8]
    var namespace: UInt64?

    init() throws {
      let status = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
      let fields = status[status.index(after: try #require(status.lastIndex(of: ")")))...].split(separator: " ")
      startTime = try #require(UInt64(fields[19]))
      let text = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
      let digits = text.compactMap(\.hexDigitValue)
      bootID = stride(from: 0, to: 32, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
  }

  /// Whether the process of a ledger in a file still runs.
  private static func isRunning(_ identity: Identity, processID: Int32 = getpid(), state: UInt32 = 1) throws -> Bool? {
    var image = LedgerImage()
    image.set(12, state)
    image.set(40, UInt32(processID))
    image.set(48, identity.startTime)
    if let namespace = identity.namespace { image.set(56, namespace) }
    for (index, byte) in identity.bootID.enumerated() { image.set(64 + index, byte) }
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    return try withMappedFile(path) { try LedgerReader(path: path).snapshot().isRunning }
  }

  @Test("Whether the process of a file still runs is known by its id, start time and boot; zeros there say nothing")
  func runningProcess() throws {
    let own = try Identity()
    let gone = Int32(4_194_304)
    #expect(try Self.isRunning(own) == true)
    #expect(try Self.isRunning(own, processID: gone) == false)
    // Its program ended, or began another one by exec.
    for state: UInt32 in [2, 3] { #expect(try Self.isRunning(own, state: state) == false) }
    var other = own
    other.startTime += 1
    #expect(try Self.isRunning(other) == false)
    var earlierBoot = own
    earlierBoot.bootID[0] ^= 1
    #expect(try Self.isRunning(earlierBoot) == false)
    var withoutStart = own
    withoutStart.startTime = 0
    #expect(try Self.isRunning(withoutStart) == nil)
    #expect(try Self.isRunning(withoutStart, processID: gone) == false)
    // Without a boot id, only a process that is found says something: the ledger may be another machine's.
    var withoutBoot = own
    withoutBoot.bootID = Array(repeating: 0, count: 16)
    #expect(try Self.isRunning(withoutBoot) == true)
    #expect(try Self.isRunning(withoutBoot, processID: gone) == nil)
    withoutBoot.startTime += 1
    #expect(try Self.isRunning(withoutBoot) == nil)
    // A process without /proc knows none of the three.
    withoutBoot.startTime = 0
    withoutBoot.namespace = 0
    #expect(try Self.isRunning(withoutBoot) == nil)
  }

  @Test("A ledger in a file is found if the process has mapped the file, and only if the ledger is its own")
  func mappedFile() async {
    await #expect(processExitsWith: .exitCode(0)) {
      var image = LedgerImage()
      image.addEntry(byteCount: 5, birth: 1)
      let path = image.writeFile()
      defer { unsafe unlink(path) }
      let id = Int(getpid())
      let file = unsafe open(path, O_RDWR)
      // A file that is open, but not mapped, may be anything.
      guard Self.refusal(id)?.code == .noLedger else { exit(1) }
      guard unsafe mmap(nil, image.bytes.count, PROT_READ, MAP_SHARED, file, 0) != MAP_FAILED else { exit(2) }
      let snapshot = try LedgerReader(process: id).snapshot()
      guard snapshot.largest.map(\.byteCount) == [5], snapshot.seenProcessID == id, snapshot.isRunning == true else {
        exit(3)
      }
      guard let listing = LedgerReader.processes().first(where: { $0.processID == id }),
        listing.userID == Int(geteuid()), !listing.command.isEmpty
      else { exit(4) }
      // The ledger of another process, which this one may be reading.
      image.set(40, UInt32(1))
      image.write(to: file)
      guard Self.refusal(id)?.code == .noLedger else { exit(5) }
      image.set(40, UInt32(id))
      image.set(56, UInt64(1))
      image.write(to: file)
      guard Self.refusal(id)?.code == .noLedger else { exit(6) }
    }
  }
}
