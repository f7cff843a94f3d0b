// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import SystemPackage
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Mapped files")
struct MappingTests {
  private let folder: ScratchFolder
  private let path: FilePath
  private let bytes = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

  init() throws {
    folder = try ScratchFolder()
    path = FilePath(try folder.write(bytes, "mapped"))
  }

  /// Whether this process has the file in its address space. Foundation reads only the first 4 KiB of the list.
  private func isMapped() throws -> Bool {
    let list = try NativeBuffer(contentsOf: "/proc/self/maps")
    defer { list.dispose() }
    return String(decoding: try [UInt8](list), as: UTF8.self).contains(path.string)
  }

  private func contents() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path.string))) }

  @Test("A mapping has the file's bytes, its own domain and its line, and is gone after dispose or the last release")
  func readOnly() throws {
    let line = #line + 1
    let buffer = try NativeBuffer(mapping: path)
    #expect(buffer.site.line == line)
    #expect(try [UInt8](buffer) == bytes)
    let domain = buffer.block.entry.classification.domain
    #expect(Ledger.shared.domainName(domain) == "mapped files" && Ledger.shared.domainKind(domain) == .adoptedMemory)
    #expect(buffer.block.entry.snapshot()?.byteCount == bytes.count)
    #expect(try isMapped())
    #expect(buffer.dispose() && !buffer.dispose())
    #expect(try !isMapped())
    var forgotten: NativeBuffer? = try NativeBuffer(mapping: path)
    let pin = try #require(forgotten).pin()
    forgotten = nil
    let seen = Self.byte(77, of: pin)
    #expect(seen == bytes[77], "the pin keeps the mapping")
    _ = consume pin
    #expect(try !isMapped())
  }

  @Test(
    "A part may begin and end anywhere in the file",
    arguments: [(0, 1), (1, 4_095), (4_095, 2), (4_096, 4_096), (5_000, 15_000), (19_999, 1), (20_000, 0), (8_192, 0)])
  func parts(offset: Int, byteCount: Int) throws {
    for access in [NativeBuffer.MappingAccess.readOnly, .copyOnWrite, .readWrite] {
      let buffer = try NativeBuffer(mapping: path, offset: offset, byteCount: byteCount, access: access)
      #expect(try [UInt8](buffer) == Array(bytes[offset..<offset + byteCount]))
      #expect(try buffer.contents(equal: NativeBuffer(copying: bytes[offset..<offset + byteCount])))
      buffer.dispose()
    }
    #expect(try !isMapped())
  }

  @Test(
    "A part that the file does not have is refused",
    arguments: [(0, 20_001), (20_001, 0), (-1, 5), (5, -1), (Int.max, 1), (1, Int.max), (Int.min, Int.min)])
  func outside(offset: Int, byteCount: Int) throws {
    let error = #expect(throws: NativeBufferError.self) {
      try NativeBuffer(mapping: path, offset: offset, byteCount: byteCount)
    }
    #expect(error?.code == .outOfBounds)
    #expect(throws: NativeBufferError.self) { try NativeBuffer(mapping: path, offset: 20_001) }
    #expect(try !isMapped())
  }

  @Test("Every change of a read-only mapping is refused by name, and a copy can be changed")
  func refusedChanges() throws {
    let buffer = try NativeBuffer(mapping: path)
    #expect(buffer.isReadOnly)
    let source = try NativeBuffer(copying: [1, 2, 3])
    let changes: [(NativeBuffer) throws -> Void] = [
      { try $0.withMutableBytes { _ in } },
      { try unsafe $0.withUnsafeMutableBytes { _ in } },
      { _ = try $0.pinMutable() },
      { try $0.fill(with: 0) },
      { try $0.copy(from: source) },
      { try $0.slice(0..<10).fill(with: 0) },
      { _ = try $0.read(from: .standardInput) },
      { try $0.withMutableSpan(of: UInt16.self) { _ in } },
      { _ = unsafe try $0.unsafeDetach() },
    ]
    for change in changes {
      let error = #expect(throws: NativeBufferError.self) { try change(buffer) }
      #expect(error?.code == .readOnly)
      #expect(error?.description.contains("copied() makes one") == true)
    }
    let copy = try buffer.copied()
    #expect(!copy.isReadOnly)
    try copy.fill(with: 7)
    copy.dispose()
    buffer.dispose()
    #expect(!buffer.isReadOnly)
    #expect(throws: NativeBufferError.self) { try buffer.fill(with: 0) }
    #expect(try contents() == bytes)
    source.dispose()
  }

  @Test("Changes of a copy-on-write mapping stay in the process, and those of a writable one go to the file")
  func changes() throws {
    let own = try NativeBuffer(mapping: path, offset: 100, byteCount: 50, access: .copyOnWrite)
    #expect(!own.isReadOnly)
    try own.fill(with: 1)
    #expect(try [UInt8](own) == [UInt8](repeating: 1, count: 50))
    #expect(try contents() == bytes)
    own.dispose()
    let shared = try NativeBuffer(mapping: path, offset: 4_100, byteCount: 50, access: .readWrite)
    try shared.fill(with: 2)
    var expected = bytes
    expected.replaceSubrange(4_100..<4_150, with: [UInt8](repeating: 2, count: 50))
    #expect(try contents() == expected)
    shared.dispose()
    #expect(try contents()[4_100] == 2)
  }

  private static func byte(_ index: Int, of pin: borrowing Pin) -> UInt8 { pin.span[index] }

  private static func copyBytes(of buffer: NativeBuffer) throws {
    try withUniqueBuffer(byteCount: buffer.byteCount) { room in
      var bytes = room.mutableBytes
      try buffer.copyBytes(to: &bytes)
    }
  }

  @Test("If the file becomes shorter, copying the bytes that are gone throws, whole and in part")
  func shortened() throws {
    let buffer = try NativeBuffer(mapping: path)
    let outcome = unsafe truncate(path.string, 5_000)
    #expect(outcome == 0)
    let attempts: [(NativeBuffer) throws -> Void] = [
      { _ = try [UInt8]($0) },
      { _ = try $0.copied() },
      { _ = try [UInt8]($0.slice(9_000..<9_001)) },
      { buffer in
        let file = try FileDescriptor.open(
          FilePath("\(self.folder.path)/copy"), .readWrite, options: [.create, .closeOnExec],
          permissions: .ownerReadWrite)
        try file.closeAfter { try buffer.write(to: file) }
      },
      { try Self.copyBytes(of: $0) },
      { try NativeBuffer(byteCount: $0.byteCount).copy(from: $0) },
      { _ = try $0.contents(equal: $0) },
      { [bytes] in _ = unsafe try $0.contents(equal: bytes.span.bytes) },
      { [bytes] in _ = try NativeBuffer(copying: bytes).contents(equal: $0) },
      { buffer in
        var hasher = Hasher()
        try buffer.hashContents(into: &hasher)
      },
    ]
    for attempt in attempts {
      let error = #expect(throws: NativeBufferError.self) { try attempt(buffer) }
      #expect(error?.code == .file && error?.fileFailure?.errno == .badAddress)
    }
    let error = #expect(throws: NativeBufferError.self) { try [UInt8](buffer) }
    #expect(error?.description.contains("the file became shorter") == true)
    #expect(try [UInt8](buffer.slice(..<5_000)) == Array(bytes[..<5_000]), "what the file has can be copied")
    buffer.dispose()
    #expect(try !isMapped())
  }

  @Test("The bytes of a mapped file are compared and hashed like others, whatever their number is")
  func comparing() throws {
    let long = (0..<200_000).map { UInt8($0 % 251) }
    let file = try folder.write(long, "long")
    for count in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
      let mapped = try NativeBuffer(mapping: FilePath(file), byteCount: count)
      let other = try NativeBuffer(copying: long[..<count])
      #expect(try mapped.contents(equal: other) && other.contents(equal: mapped) && mapped.contents(equal: mapped))
      var hashers = (Hasher(), Hasher())
      try mapped.hashContents(into: &hashers.0)
      try other.hashContents(into: &hashers.1)
      #expect(hashers.0.finalize() == hashers.1.finalize())
      if count > 0 {
        try other.slice((count - 1)...).fill(with: 255)
        #expect(try !mapped.contents(equal: other) && !other.contents(equal: mapped))
      }
      mapped.dispose()
      other.dispose()
      #expect(throws: NativeBufferError.self) { try mapped.contents(equal: other) }
    }
  }

  @Test("A range with a negative number is refused in words that name both numbers")
  func negative() throws {
    for (offset, count) in [(-1, 1_000), (10, -1)] {
      let error = #expect(throws: NativeBufferError.self) {
        try NativeBuffer(mapping: path, offset: offset, byteCount: count)
      }
      #expect(error?.code == .outOfBounds)
      #expect(error?.description.hasPrefix("\(count) bytes from offset \(offset) cannot be mapped") == true)
    }
  }

  @Test("If the file becomes shorter, a span of the bytes that are gone ends the program, as the documentation says")
  func shortenedSpan() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let folder = try ScratchFolder()
      let path = try folder.write([UInt8](repeating: 1, count: 10_000), "mapped")
      let buffer = try NativeBuffer(mapping: FilePath(path))
      unsafe truncate(path, 10)
      try? FileManager.default.removeItem(atPath: folder.path)
      var limit = rlimit(rlim_cur: 0, rlim_max: 0)
      unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
      signal(SIGBUS, SIG_DFL)
      let pin = try buffer.pin()
      exit(pin.span[9_000] == 1 ? 1 : 2)
    }
  }

  @Test("What is no regular file, or may not be used so, is refused at once")
  func refusals() throws {
    for path in [folder.path, "/dev/zero", try folder.makePipe("pipe")] {
      let error = #expect(throws: NativeBufferError.self) { try NativeBuffer(mapping: FilePath(path)) }
      #expect(error?.fileFailure == FileFailure(.map, path: FilePath(path), .invalidArgument))
      #expect(error?.description.contains("no regular file") == true)
    }
    let missing = #expect(throws: NativeBufferError.self) { try NativeBuffer(mapping: "/nowhere") }
    #expect(missing?.fileFailure == FileFailure(.open, path: "/nowhere", .noSuchFileOrDirectory))
    let empty = try NativeBuffer(mapping: FilePath(try folder.write([], "empty")))
    #expect(empty.byteCount == 0 && empty.isReadOnly)
    empty.dispose()
  }

  @Test("The mapping stays if the file is deleted")
  func deleted() throws {
    let buffer = try NativeBuffer(mapping: path)
    try FileManager.default.removeItem(atPath: path.string)
    #expect(try [UInt8](buffer) == bytes)
    buffer.dispose()
  }
}
