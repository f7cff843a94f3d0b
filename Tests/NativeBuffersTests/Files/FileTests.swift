// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Buffers and files")
struct FileTests {
  private let folder: ScratchFolder
  private let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

  init() throws { folder = try ScratchFolder() }

  /// Opens a file for the time of a closure.
  private func withFile<R>(
    _ path: String, _ mode: FileDescriptor.AccessMode = .readWrite, _ options: FileDescriptor.OpenOptions = [],
    _ body: (FileDescriptor) throws -> R
  ) throws -> R {
    let file = try FileDescriptor.open(
      FilePath(path), mode, options: options.union(.closeOnExec), permissions: .ownerReadWrite)
    return try file.closeAfter { try body(file) }
  }

  /// Makes a pipe for the time of a closure.
  private func withPipe<R>(_ body: (_ read: FileDescriptor, _ write: FileDescriptor) throws -> R) throws -> R {
    let ends = try FileDescriptor.pipe()
    return try ends.readEnd.closeAfter { try body(ends.readEnd, ends.writeEnd) }
  }

  @Test("What is written to a file is what the file's buffer has, whole, at a place, and of a slice")
  func roundTrip() throws {
    let buffer = try NativeBuffer(copying: bytes)
    defer { buffer.dispose() }
    try withFile("\(folder.path)/a", .readWrite, .create) { file in
      try buffer.write(to: file)
      #expect(try file.seek(offset: 0, from: .current) == Int64(bytes.count))
      try buffer.slice(10..<20).write(to: file, at: 5)
      #expect(try file.seek(offset: 0, from: .current) == Int64(bytes.count), "a place leaves the descriptor's alone")
    }
    var expected = bytes
    expected.replaceSubrange(5..<15, with: bytes[10..<20])
    let line = #line + 1
    let whole = try NativeBuffer(contentsOf: FilePath("\(folder.path)/a"))
    #expect(whole.site.line == line)
    #expect(try [UInt8](whole) == expected)
    whole.dispose()
    try withFile("\(folder.path)/a") { file in
      let part = try NativeBuffer(byteCount: 1_000)
      #expect(try part.read(from: file, at: 7) == 1_000)
      #expect(try [UInt8](part) == Array(expected[7..<1_007]))
      #expect(try part.slice(500...).read(from: file) == 500)
      #expect(try [UInt8](part.slice(500...)) == Array(expected[..<500]))
      #expect(try part.read(from: file, at: Int64(bytes.count - 10)) == 10, "the file ends there")
      #expect(try [UInt8](part.slice(10..<500)) == Array(expected[17..<507]), "bytes behind them stay")
      #expect(try part.read(from: file, at: Int64(bytes.count)) == 0)
      part.dispose()
    }
    try withFile("\(folder.path)/b", .readWrite, .create) { file in
      var unique = try UniqueBuffer(copying: bytes)
      try unique.write(to: file)
      #expect(try unique.read(from: file, at: 100) == bytes.count - 100)
      #expect([UInt8](unique) == Array(bytes[100...]) + bytes[(bytes.count - 100)...])
      unique.dispose()
    }
  }

  @Test("From a pipe that gives a few bytes at a time, a buffer gets all, and one call gives what there is")
  func slowPipe() throws {
    try withPipe { input, output in
      let bytes = bytes
      let writer = Worker {
        var rest = bytes[...]
        while !rest.isEmpty {
          let piece = Array(rest.prefix(1_777))
          guard let count = try? output.writeAll(piece) else { break }
          rest = rest.dropFirst(count)
        }
        try? output.close()
      }
      let buffer = try NativeBuffer(byteCount: bytes.count + 100)
      let first = try buffer.slice(..<100).readSome(from: input)
      #expect((1...100).contains(first))
      #expect(try buffer.slice(first...).read(from: input) == bytes.count - first)
      writer.wait()
      #expect(try [UInt8](buffer.slice(..<bytes.count)) == bytes)
      #expect(try buffer.slice(0..<1).readSome(from: input) == 0, "the pipe has ended")
      #expect(try buffer.slice(0..<0).readSome(from: input) == 0)
      buffer.dispose()
    }
  }

  @Test("A writer collects a pipe to its end, and in pieces")
  func writer() throws {
    try withPipe { input, output in
      let bytes = bytes
      let feeder = Worker {
        _ = try? output.writeAll(bytes)
        try? output.close()
      }
      var writer = try NativeByteWriter()
      try writer.append(9)
      let count = try writer.appendSome(from: input, upTo: 10)
      #expect((1...10).contains(count))
      try writer.appendAll(from: input)
      #expect(try writer.appendSome(from: input, upTo: 10) == 0)
      feeder.wait()
      let buffer = writer.finish()
      #expect(try [UInt8](buffer) == [9] + bytes)
      buffer.dispose()
    }
  }

  @Test("A read and a write that a signal interrupts go on")
  func interrupted() async {
    await #expect(processExitsWith: .success) {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { _ in }
      unsafe sigaction(SIGUSR1, &action, nil)
      let ends = try FileDescriptor.pipe()
      let buffer = try NativeBuffer(byteCount: 1 << 20)
      let main = pthread_self()
      let hasEnded = Flag()
      // Both ends wait: the reader for bytes, the writer for room. Signals meet them all the time.
      let sender = Worker { while !hasEnded.isSet { pthread_kill(main, SIGUSR1); usleep(200) } }
      let feeder = Worker {
        for _ in 0..<64 {
          usleep(1_000)
          _ = try? ends.writeEnd.writeAll([UInt8](repeating: 5, count: 1 << 14))
        }
      }
      #expect(try buffer.read(from: ends.readEnd) == 1 << 20)
      feeder.wait()
      let drain = Worker {
        let other = try? NativeBuffer(byteCount: 1 << 20)
        var count = 0
        while count < 1 << 20 {
          usleep(1_000)
          count += (try? other?.slice(..<(1 << 14)).read(from: ends.readEnd)) ?? 1 << 20
        }
        other?.dispose()
      }
      try buffer.write(to: ends.writeEnd)
      drain.wait()
      hasEnded.set()
      sender.wait()
      #expect(try [UInt8](buffer).allSatisfy { $0 == 5 })
    }
  }

  @Test("A refusal says which file, what was tried, and how many bytes went before")
  func refusals() throws {
    let missing = #expect(throws: NativeBufferError.self) { try NativeBuffer(contentsOf: "/nowhere/at all") }
    #expect(missing?.code == .file)
    #expect(missing?.fileFailure == FileFailure(.open, path: "/nowhere/at all", .noSuchFileOrDirectory))
    #expect(missing?.description.contains("cannot open \"/nowhere/at all\": No such file or directory") == true)
    #expect(missing?.description.contains("FileTests.swift:") == true)
    #expect(missing?.underlyingError as? FileFailure == missing?.fileFailure)
    let directory = #expect(throws: NativeBufferError.self) { try NativeBuffer(contentsOf: FilePath(folder.path)) }
    #expect(directory?.fileFailure == FileFailure(.read, path: FilePath(folder.path), .isDirectory))

    let buffer = try NativeBuffer(copying: bytes)
    defer { buffer.dispose() }
    try withPipe { input, output in
      _ = fcntl(output.rawValue, F_SETFL, O_NONBLOCK)
      _ = fcntl(input.rawValue, F_SETFL, O_NONBLOCK)
      let full = #expect(throws: NativeBufferError.self) { try buffer.write(to: output) }
      #expect(full?.fileFailure?.errno == .resourceTemporarilyUnavailable)
      #expect(full?.fileFailure?.transferredByteCount == 65_536)
      let other = try NativeBuffer(byteCount: 70_000)
      let empty = #expect(throws: NativeBufferError.self) { try other.read(from: input) }
      #expect(empty?.fileFailure?.transferredByteCount == 65_536)
      #expect(try [UInt8](other.slice(..<65_536)) == Array(bytes[..<65_536]), "the bytes before arrived")
      #expect(try buffer.slice(...).writeSome(to: output) == 65_536)
      other.dispose()
      try output.close()
    }
    let closed = FileDescriptor(rawValue: -1)
    #expect(throws: NativeBufferError.self) { try buffer.write(to: closed) }
    #expect(throws: NativeBufferError.self) { try buffer.read(from: closed) }
    var writer = try NativeByteWriter()
    #expect((try? writer.appendAll(from: closed)) == nil)
    #expect((try? writer.appendSome(from: closed, upTo: 10)) == nil)
    #expect(writer.count == 0)
  }

  @Test("While bytes are written, other code may read them; while they are read into, no other code may use them")
  func pins() throws {
    let buffer = try NativeBuffer(copying: bytes)
    let pin = try buffer.pin()
    try withFile("\(folder.path)/pins", .readWrite, .create) { file in
      try buffer.write(to: file)
      let error = #expect(throws: NativeBufferError.self) { try buffer.read(from: file, at: 0) }
      #expect(error?.code == .overlappingAccess)
    }
    _ = consume pin
    buffer.dispose()
    let error = #expect(throws: NativeBufferError.self) { try buffer.write(to: .standardError) }
    #expect(error?.code == .disposed)
  }

  @Test("A file of any length is read whole", arguments: [0, 1, 4_095, 4_096, 65_536, 1 << 20])
  func lengths(byteCount: Int) throws {
    let expected = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    let path = FilePath(try folder.write(expected, "file"))
    for limit in [byteCount, Int.max] {
      let buffer = try NativeBuffer(contentsOf: path, byteLimit: limit)
      #expect(buffer.byteCount == byteCount)
      #expect(try [UInt8](buffer) == expected)
      buffer.dispose()
    }
    guard byteCount > 0 else { return }
    let error = #expect(throws: NativeBufferError.self) { try NativeBuffer(contentsOf: path, byteLimit: byteCount - 1) }
    #expect(error?.code == .tooLarge)
  }

  @Test("A file without a known length is read to its end, and one without an end is refused at the limit")
  func unknownLengths() throws {
    let status = try NativeBuffer(contentsOf: "/proc/self/status")
    #expect(try String(decoding: [UInt8](status), as: UTF8.self).hasPrefix("Name:"))
    status.dispose()
    for limit in [0, 1, 1_000, 5_000] {
      let error = #expect(throws: NativeBufferError.self) {
        try NativeBuffer(contentsOf: "/dev/zero", byteLimit: limit)
      }
      #expect(error?.code == .tooLarge)
      #expect(error?.description.contains("more than the \(limit.grouped) bytes") == true)
    }
    let none = try NativeBuffer(contentsOf: "/dev/null", byteLimit: 0)
    #expect(none.byteCount == 0)
    none.dispose()
    let negative = #expect(throws: NativeBufferError.self) { try NativeBuffer(contentsOf: "/dev/null", byteLimit: -1) }
    #expect(negative?.code == .tooLarge)
  }
}
