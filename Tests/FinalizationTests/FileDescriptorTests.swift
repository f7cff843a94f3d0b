// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import LeakAuditing
import NativeBuffers
import ResourceLedger
import SystemPackage
import TestSupport
import Testing

@testable import Finalization

@Suite("File descriptors")
struct FileDescriptorTests {
  @Test("Pipes carry bytes, close once, and are counted by the kernel and the ledger")
  func pipes() async {
    // This has a process of its own, because other tests own descriptors, too.
    await #expect(processExitsWith: .exitCode(0)) {
      let id = try #require(FileDescriptorDomain.sharedID)
      func entries() -> Int { Ledger.shared.totals(of: [id.number], bucketCount: 1)[0][0].liveCount }
      let (reader, writer) = try OwnedFileDescriptor.pipe()
      #expect(entries() == 2)
      try writer.withHandle { _ = try $0.writeAll("hello".utf8) }
      try writer.close()
      var bytes = [UInt8](repeating: 0, count: 16)
      let count = try reader.withHandle { descriptor in
        try unsafe bytes.withUnsafeMutableBytes { unsafe try descriptor.read(into: $0) }
      }
      #expect(String(decoding: bytes.prefix(count), as: UTF8.self) == "hello")
      #expect(throws: FinalizationError.self) { try writer.close() }
      reader.dispose()
      #expect(entries() == 0)
    }
  }

  @Test("The census does not count the library's own file by which other processes ask for an answer")
  func requestFile() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let domain = FileDescriptorDomain.shared
      // The file is there with the first buffer.
      let buffer = try NativeBuffer(byteCount: 1_000)
      let file = try #require((0..<64).first { cnativeruntime_is_request($0) })
      // One more descriptor of the same file does not count either.
      let step = try untilUndisturbed {
        let before = try domain.census().count
        let copy = dup(file)
        defer { close(copy) }
        return try domain.census().count == before ? 0 : 1
      }
      #expect(step == 0)
      withExtendedLifetime(buffer) {}
    }
  }

  @Test("The census of file descriptors finds a descriptor that was not registered")
  func unregisteredDescriptor() async {
    // This has a process of its own, because other tests open files, too.
    await #expect(processExitsWith: .exitCode(0)) {
      let domain = FileDescriptorDomain.shared
      guard let id = FileDescriptorDomain.sharedID else { exit(1) }
      func entries() -> Int { Ledger.shared.totals(of: [id.number], bucketCount: 1)[0][0].liveCount }
      /// - Returns: 0, or the number of the step at which the counts differed.
      func attempt() throws -> Int32 {
        let start = try domain.census().count
        guard entries() == 0 else { return 2 }
        let file = try OwnedFileDescriptor.open("/dev/null", .readOnly)
        defer { file.dispose() }
        guard try domain.census().count == start + 1, entries() == 1 else { return 3 }
        let forgotten = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
        let found = try domain.census().count
        try forgotten.close()
        guard found == start + 2, entries() == 1 else { return 4 }
        file.dispose()
        guard try domain.census().count == start, entries() == 0 else { return 5 }
        do {
          let rescued = try OwnedFileDescriptor.open("/dev/null", .readOnly)
          withExtendedLifetime(rescued) {}
        }
        return try domain.census().count == start ? 0 : 6
      }
      exit(try untilUndisturbed(attempt))
    }
  }

  @Test("What the kernel says of an epoll is read, and lines of another form are left out")
  func watchedDescriptors() {
    let text = """
      pos:\t0
      flags:\t02000002
      tfd:        5 events: 40000019 data:                3  pos:0 ino:40e sdev:10
      tfd:        7 events:     4019 data:     7f9bfc000bc0  pos:0 ino:40e sdev:10
      tfd:       99999999999 events: 1 data: 1
      tfd: 4 events: 4019
      """
    #expect(
      DispatchDescriptors.watched(inText: text) == [
        .init(descriptor: 5, events: 0x4000_0019, mark: 3),
        .init(descriptor: 7, events: 0x4019, mark: 0x7F9B_FC00_0BC0),
      ])
  }

  @Test("An epoll is Dispatch's if it watches an eventfd with Dispatch's event and mark, and then its timers are, too")
  func dispatchDescriptors() {
    let open: [Int32: String] = [
      3: "anon_inode:[eventpoll]", 4: "anon_inode:[eventfd]", 5: "anon_inode:[timerfd]", 6: "anon_inode:[timerfd]",
      7: "anon_inode:[eventpoll]", 8: "anon_inode:[eventfd]", 9: "anon_inode:[timerfd]", 10: "socket:[77]",
    ]
    let watched: [Int32: [DispatchDescriptors.Watched]] = [
      3: [
        .init(descriptor: 4, events: 0x4019, mark: 1), .init(descriptor: 5, events: 0x4000_0019, mark: 3),
        // A timer of the program, and a socket that has the mark of a clock.
        .init(descriptor: 6, events: 0x4019, mark: 0x7F9B_FC00_0BC0), .init(descriptor: 10, events: 0x4019, mark: 4),
      ],
      7: [.init(descriptor: 8, events: 0x19, mark: 1), .init(descriptor: 9, events: 0x19, mark: 2)],
    ]
    #expect(DispatchDescriptors.among(open) { watched[$0] ?? [] } == [3, 4, 5])
  }

  @Test("A descriptor is counted even if another file was open under its number when the domain began")
  func reusedNumber() async {
    // This has a process of its own, because other tests open files, too.
    await #expect(processExitsWith: .exitCode(0)) {
      let null = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
      let (reader, writer) = try FileDescriptor.pipe()
      let number: Int32 = 200
      func refer(to file: FileDescriptor) { if dup2(file.rawValue, number) != number { exit(2) } }
      refer(to: null)
      let domain = FileDescriptorDomain.shared
      // The test library opens and closes descriptors of its own in this process, so some comparisons may fail. If the
      // descriptor is not counted, all of them do.
      for _ in 0..<50 {
        let before = try domain.census().count
        refer(to: reader)
        let other = try domain.census().count
        refer(to: null)
        if try domain.census().count == before, other == before + 1 { exit(0) }
      }
      try writer.close()
      exit(3)
    }
  }

  @Test("A forgotten descriptor is closed by a registry")
  func forgottenDescriptor() throws {
    let (reader, writer) = try OwnedFileDescriptor.pipe()
    let registry = FinalizationRegistry<FileDescriptor>(name: "descriptors", delivery: .manual) { try $0.close() }
    try registry.register(Anchored(), holding: try writer.detach())
    var byte = [UInt8](repeating: 0, count: 1)
    try registry.drain()
    // This is the end of the file: no open descriptor for the other end is left.
    let count = try reader.withHandle { descriptor in
      try unsafe byte.withUnsafeMutableBytes { unsafe try descriptor.read(into: $0) }
    }
    #expect(count == 0)
    reader.dispose()
  }

  @Test("A descriptor that was open at the start is counted from the time when it has an owner")
  func openDescriptor() async {
    await #expect(processExitsWith: .exitCode(0)) {
      try Self.ownDescriptorsThatWereOpen()
    }
  }

  private static func ownDescriptorsThatWereOpen() throws {
    let early = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
    let other = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
    let owned = try OwnedFileDescriptor(owning: early)
    guard try isClean() else { exit(2) }
    // It has the number of a descriptor that was open before, and is another file.
    try other.close()
    let reopened = try OwnedFileDescriptor.open(FilePath("/dev/null"), .readOnly)
    guard try isClean() else { exit(3) }
    try owned.close()
    try reopened.close()
    guard try isClean() else { exit(4) }
  }

  /// The runtime of a test may open a descriptor for a short time.
  private static func isClean() throws -> Bool {
    for _ in 0..<50 {
      if try LeakAuditor.audit().findings.allSatisfy({ $0.kind == .rescued }) { return true }
      usleep(10_000)
    }
    return false
  }
}
