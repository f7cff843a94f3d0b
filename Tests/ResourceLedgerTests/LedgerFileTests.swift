// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeSynchronization
import TestSupport
import Testing

@testable import ResourceLedger

// Each test is a process of its own, because the process's ledger is made once. Its folder is named by the environment,
// which the process has in common with the test.

@Suite("A ledger in a file")
struct LedgerFileTests {
  private static let none = LedgerEntry.Classification(domain: DomainNumber(rawValue: 0), bucket: 0)

  /// A new folder of the calling process.
  static func makeFolder() -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "ledger-\(UUID().uuidString)").path
    guard unsafe mkdir(folder, 0o700) == 0 else { fatalError("mkdir") }
    return folder
  }

  static func remove(_ folder: String) { try? FileManager.default.removeItem(atPath: folder) }

  private static func number<T: FixedWidthInteger>(at offset: Int, of path: String, as type: T.Type) -> T {
    guard let file = FileHandle(forReadingAtPath: path), (try? file.seek(toOffset: UInt64(offset))) != nil,
      let data = try? file.read(upToCount: T.bitWidth / 8)
    else { fatalError("\(path) cannot be read") }
    return data.reversed().reduce(0) { $0 << 8 | T($1) }
  }

  /// Uses the ledger that is at a path, and checks that the process has a ledger in memory instead.
  private static func expectRefusal(_ path: String) {
    guard LedgerFile.use(path: path), !Ledger.shared.region.hasName else { fatalError("the file was used") }
    guard (try? Ledger.shared.acquireEntry(none)) != nil else { fatalError("no entry") }
  }

  @Test("The file is for this user alone, can be read while the process runs, and says that the process ended")
  func regularExit() async throws {
    await #expect(processExitsWith: .success) {
      let folder = Self.makeFolder()
      let path = folder + "/ledger"
      let child = Forking.fork()
      if child == 0 {
        guard LedgerFile.use(path: path), Ledger.shared.region.hasName else { _exit(1) }
        guard (try? Ledger.shared.acquireEntry(Self.none)) != nil else { _exit(2) }
        guard Self.number(at: 12, of: path, as: UInt32.self) == 1 else { _exit(3) }
        guard Self.number(at: 1_048, of: path, as: UInt64.self) == 1 else { _exit(4) }
        guard !LedgerFile.use(path: path) else { _exit(5) }
        exit(0)
      }
      #expect(Forking.status(of: child) == 0)
      var status = stat()
      #expect(unsafe lstat(path, &status) == 0 && status.st_mode == S_IFREG | 0o600)
      #expect(Self.number(at: 12, of: path, as: UInt32.self) == 2)
      #expect(Self.number(at: 40, of: path, as: UInt32.self) == UInt32(child))
      Self.remove(folder)
    }
  }

  @Test("The file stays after SIGKILL, and does not say that the process ended")
  func killed() async {
    await #expect(processExitsWith: .success) {
      let folder = Self.makeFolder()
      let child = Forking.fork()
      if child == 0 {
        guard LedgerFile.use(path: folder + "/%p.ledger") else { _exit(1) }
        for _ in 0..<20_000 { _ = try? Ledger.shared.acquireEntry(Self.none) }
        kill(getpid(), SIGKILL)
      }
      #expect(Forking.status(of: child) == SIGKILL)
      let path = "\(folder)/\(child).ledger"
      #expect(Self.number(at: 12, of: path, as: UInt32.self) == 1)
      #expect(Self.number(at: 1_048, of: path, as: UInt64.self) == 20_000)
      Self.remove(folder)
    }
  }

  private static func expectOneLine(_ bytes: [UInt8], _ advice: String) {
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.contains("the ledger cannot be in the file") && text.contains(advice), "\(text)")
    #expect(text.split(separator: "\n").count { $0.contains("NativeBuffers:") } == 1, "\(text)")
  }

  @Test("An existing file is left alone, and one line says what to do")
  func existingFile() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let folder = Self.makeFolder()
      let path = folder + "/ledger"
      _ = FileManager.default.createFile(atPath: path, contents: Data("x".utf8))
      Self.expectRefusal(path)
      guard (try? Data(contentsOf: URL(filePath: path))) == Data("x".utf8) else { fatalError("it was changed") }
      Self.remove(folder)
    }
    Self.expectOneLine(try #require(result).standardErrorContent, "not a ledger. Name another file.")
  }

  @Test("A symbolic link is not followed, and one line says what to do")
  func symbolicLink() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let folder = Self.makeFolder()
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/ledger", withDestinationPath: folder + "/target")
      Self.expectRefusal(folder + "/ledger")
      guard !FileManager.default.fileExists(atPath: folder + "/target") else { fatalError("it was followed") }
      Self.remove(folder)
    }
    Self.expectOneLine(try #require(result).standardErrorContent, "Name a file that is no symbolic link.")
  }

  @Test("If the folder does not exist, or no file can be made in it, one line says what to do")
  func folder() async throws {
    let missing = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      Self.expectRefusal("/nowhere/at/all/ledger")
    }
    Self.expectOneLine(try #require(missing).standardErrorContent, "Make its folder")
    let refused = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      Self.expectRefusal("/proc/ledger")
    }
    Self.expectOneLine(try #require(refused).standardErrorContent, "/proc/ledger")
  }

  @Test("If the limit on the size of files is too small, the ledger is in memory")
  func fileSizeLimit() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      let folder = Self.makeFolder()
      LedgerRegionTests.limit(RLIMIT_FSIZE, to: 1 << 20)
      Self.expectRefusal(folder + "/ledger")
      guard !FileManager.default.fileExists(atPath: folder + "/ledger") else { fatalError("it was made") }
      Self.remove(folder)
    }
    Self.expectOneLine(try #require(result).standardErrorContent, "ulimit -f")
    let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(text.contains("in memory that other processes cannot read."), "\(text)")
  }

  @Test(
    "A full file system, a quota and a limit on the size of files are told apart from memory that is short",
    arguments: [(ENOSPC, true), (EDQUOT, true), (EFBIG, true), (ENOMEM, false), (EAGAIN, false)])
  func shortages(_ number: Int32, isOfFile: Bool) {
    let error = LedgerError(.growthFailed(entryCount: 7, errno: number))
    #expect(error.code == .growthFailed && error.isExhaustion && error.systemErrorNumber == number)
    #expect(error.description.hasPrefix(isOfFile ? "the file of the ledger" : "memory is short"), "\(error)")
    #expect(error.description.contains("7 entries (\(systemMessage(number)))"), "\(error)")
    let isOfSpace = [ENOSPC, EDQUOT].contains(number)
    #expect(error.description.contains("Free some space on its file system") == isOfSpace, "\(error)")
    #expect(error.description.contains("ulimit -f") == (number == EFBIG), "\(error)")
    let refusal = LedgerFile.Refusal(name: "/somewhere/ledger", number: number, byteCount: 1_024).description
    #expect(refusal.contains("/somewhere/ledger: \(systemMessage(number))."), "\(refusal)")
    #expect(refusal.contains("Free some space") == isOfSpace, "\(refusal)")
  }

  @Test("Of two processes with the same path, the second one has its ledger in memory")
  func samePath() async {
    await #expect(processExitsWith: .success) {
      let folder = Self.makeFolder()
      let path = folder + "/ledger"
      guard LedgerFile.use(path: path), Ledger.shared.region.hasName else { fatalError() }
      let entry = try Ledger.shared.acquireEntry(Self.none)
      entry.address = 77
      let child = Forking.fork()
      if child == 0 {
        // The path has no %p, so the forked child's copy is in memory, too.
        guard Ledger.shared.region.isShared, !Ledger.shared.region.hasName, entry.address == 77 else { _exit(1) }
        // What a second process does.
        _exit((try? LedgerFile.make(path, byteCount: 4_096)) == nil ? 0 : 2)
      }
      #expect(Forking.status(of: child) == 0)
      #expect(Self.number(at: 40, of: path, as: UInt32.self) == UInt32(getpid()))
      Self.remove(folder)
    }
  }

  @Test("A forked child has a file of its own if the path has the process id in it")
  func child() async {
    await #expect(processExitsWith: .success) {
      let folder = Self.makeFolder()
      guard LedgerFile.use(path: folder + "/%p"), Ledger.shared.region.hasName else { fatalError() }
      let entries = try (0..<1_000).map { _ in try Ledger.shared.acquireEntry(Self.none) }
      for (index, entry) in entries.enumerated() { entry.address = UInt(index + 1) }
      let child = Forking.fork()
      if child == 0 {
        guard Ledger.shared.region.hasName, Ledger.shared.entryCount == 1_000 else { _exit(1) }
        guard entries.enumerated().allSatisfy({ $0.element.address == UInt($0.offset + 1) }) else { _exit(2) }
        for _ in 0..<40_000 { guard (try? Ledger.shared.acquireEntry(Self.none)) != nil else { _exit(3) } }
        entries[0].address = 99
        exit(0)
      }
      #expect(Forking.status(of: child) == 0)
      #expect(entries[0].address == 1 && Ledger.shared.entryCount == 1_000)
      let path = "\(folder)/\(child)"
      #expect(Self.number(at: 12, of: path, as: UInt32.self) == 2)
      #expect(Self.number(at: 36, of: path, as: UInt32.self) == UInt32(getpid()))
      #expect(Self.number(at: 40, of: path, as: UInt32.self) == UInt32(child))
      #expect(Self.number(at: Ledger.shared.layout.entries.offset + 8, of: path, as: UInt64.self) == 99)
      Self.remove(folder)
    }
  }

  @Test("A file that the process left before it began another program is renamed, and the last one is kept")
  func exec() async {
    await #expect(processExitsWith: .success) {
      let folder = Self.makeFolder()
      let path = folder + "/ledger"
      // What the process's earlier program left.
      let file = try LedgerFile.make(path, byteCount: LedgerLayout(entryCapacity: 100).regionSize)
      var ledger = try Ledger(entryCapacity: 100, memory: .file(file, path: path))
      _ = ledger.entryCount
      _ = try LedgerFile.make(path, byteCount: 4_096)
      #expect(Self.number(at: 40, of: path + ".before-exec", as: UInt32.self) == UInt32(getpid()))
      // A file of others is not replaced.
      unsafe unlink(path)
      #expect(unsafe rename(path + ".before-exec", path) == 0)
      close(unsafe creat(path + ".before-exec", 0o600))
      _ = try LedgerFile.make(path, byteCount: 4_096)
      var status = stat()
      #expect(unsafe stat(path + ".before-exec", &status) == 0 && status.st_size == 0)
      ledger = try Ledger(entryCapacity: 100)
      Self.remove(folder)
    }
  }

  @Test("A file of an earlier process that had the same number is not renamed, and not changed")
  func sameNumber() async {
    await #expect(processExitsWith: .success) {
      let folder = Self.makeFolder()
      let path = folder + "/ledger"
      let file = try LedgerFile.make(path, byteCount: LedgerLayout(entryCapacity: 100).regionSize)
      var ledger = try Ledger(entryCapacity: 100, memory: .file(file, path: path))
      _ = ledger.entryCount
      let start = Self.number(at: 48, of: path, as: UInt64.self)
      for other in [start - 1, 0] {
        var other = other
        guard unsafe pwrite(file, &other, 8, 48) == 8 else { fatalError("pwrite") }
        let error = #expect(throws: LedgerFile.Refusal.self) { try LedgerFile.make(path, byteCount: 4_096) }
        #expect(error?.number == EEXIST && Self.number(at: 12, of: path, as: UInt32.self) == 1)
      }
      #expect(unsafe access(path + ".before-exec", F_OK) != 0)
      ledger = try Ledger(entryCapacity: 100)
      Self.remove(folder)
    }
  }

  @Test(
    "A full file system is an error: at the start a line and a ledger in memory, and later a typed error",
    .enabled(if: getuid() == 0, "only root can mount a small file system"))
  func full() async throws {
    await #expect(processExitsWith: .success) { Self.fillFileSystems() }
  }

  private static func fillFileSystems() {
    // A mount that no other process sees, and that goes with this one.
    guard unsharesMounts() else { return print("mounts cannot be unshared here") }
    let folder = makeFolder()
    func mountSmall(_ size: String) {
      guard unsafe mount("tmpfs", folder, "tmpfs", 0, "size=\(size)") == 0 else { fatalError("mount: \(errno)") }
    }
    mountSmall("64k")
    guard let first = try? LedgerFile.make(folder + "/first", byteCount: 1 << 30) else { fatalError("no file") }
    do throws(LedgerError) {
      _ = try Ledger(entryCapacity: 1 << 20, memory: .file(first, path: folder + "/first"))
      fatalError("there is no room for this ledger")
    } catch {
      guard error.code == .growthFailed, error.systemErrorNumber == ENOSPC else { fatalError("\(error)") }
    }
    unsafe umount(folder)
    mountSmall("3m")
    guard LedgerFile.use(path: folder + "/ledger"), Ledger.shared.region.hasName else { fatalError("not used") }
    var count = 0
    do throws(LedgerError) {
      while count < 100_000 {
        _ = try Ledger.shared.acquireEntry(none)
        count += 1
      }
    } catch {
      let text = String(describing: error)
      guard error.code == .growthFailed, error.isExhaustion, text.contains("file system") else { fatalError(text) }
    }
    guard count >= 16_384, count < 100_000 else { fatalError("\(count) entries") }
    // What is there stays usable.
    for index in 0..<count { Ledger.shared.entry(at: index).address = 1 }
  }
}

/// Gives this process mounts of its own. Returns whether the system allows it.
private func unsharesMounts() -> Bool {
  typealias Unshare = @convention(c) (Int32) -> Int32
  guard let symbol = unsafe dlsym(nil, "unshare") else { return false }
  // SAFETY: this is its type. 0x20000 is CLONE_NEWNS.
  guard unsafe unsafeBitCast(symbol, to: Unshare.self)(0x20000) == 0 else { return false }
  // MS_REC | MS_PRIVATE
  return unsafe mount("none", "/", nil, 0x4000 | 0x40000, nil) == 0
}
