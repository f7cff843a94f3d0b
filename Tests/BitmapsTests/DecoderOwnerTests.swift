// SPDX-License-Identifier: Apache-2.0

import LeakAuditing
import NativeBuffers
import Synchronization
import TestSupport
import Testing

@testable import Bitmaps

/// A decoder is a value with one owner, of whatever kind: these tests have no box class around it.
@Suite("Owners of a picture decoder")
struct DecoderOwnerTests {
  /// As a server writes it for a request's body.
  private actor Upload {
    private var decoder: PictureDecoder?

    init(_ decoder: consuming PictureDecoder) { self.decoder = consume decoder }

    var byteCount: Int { decoder?.byteCount ?? 0 }
    func receive(_ piece: [UInt8]) throws { try decoder?.append(piece) }
    func finish() throws -> Bitmap? { try decoder.take()?.finish() }
    func handOn() -> Upload? {
      guard let decoder = decoder.take() else { return nil }
      return Upload(decoder)
    }
  }

  private static func pieces(_ file: [UInt8], of size: Int) -> [[UInt8]] {
    stride(from: 0, to: file.count, by: size).map { Array(file[$0..<min($0 + size, file.count)]) }
  }

  @Test("An actor feeds a decoder that came from elsewhere, hands it to another actor, and that one finishes it")
  func actors() async throws {
    let arena = try Arena(name: "actor")
    let file = try JPEGDecodingTests.drawnJPEG(width: 120, height: 80, arena: arena)
    let expected = try Bitmap.decode(file, arena: arena).takePacked()
    let pieces = Self.pieces(file, of: 500)
    try #require(pieces.count > 3)
    let report = try await LeakAuditor.scope("upload") {
      let first = Upload(PictureDecoder(arena: arena))
      for piece in pieces[..<2] { try await first.receive(piece) }
      let second = try #require(await first.handOn())
      #expect(await first.byteCount == 0)
      for piece in pieces[2...] { try await second.receive(piece) }
      #expect(await second.byteCount == file.count)
      let picture = try #require(try await second.finish())
      #expect(try picture.takePacked() == expected)
      let rest = [try await first.finish(), try await second.finish()]
      #expect(rest.allSatisfy { $0 == nil })
    }.report
    #expect(report.findings.isEmpty, "\(report.findings)")
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("An actor that dies with a half-fed decoder, after an error or without one, leaves nothing")
  func deadActor() async throws {
    let arena = try Arena(name: "dead actor")
    let file = try JPEGDecodingTests.drawnJPEG(width: 120, height: 80, arena: arena)
    let report = try await LeakAuditor.scope("upload") {
      do {
        let upload = Upload(PictureDecoder(arena: arena))
        try await upload.receive(Array(file[..<700]))
        let live = try LeakAuditor.audit().arenas.first { $0.index == Int(arena.index) }
        #expect(live?.live.count == 1 && live?.difference == 0)
      }
      do {
        var limits = DecodingLimits()
        limits.encodedByteCount = 1_000
        let upload = Upload(PictureDecoder(limits: limits, arena: arena))
        try await upload.receive(Array(file[..<700]))
        let error = await #expect(throws: BitmapError.self) { try await upload.receive(Array(file[700..<1_400])) }
        #expect(error?.exceededLimit?.name == "encodedByteCount")
      }
      do {
        let upload = Upload(PictureDecoder(arena: arena))
        try await upload.receive(Array(file[..<(file.count / 2)]))
        let error = await #expect(throws: BitmapError.self) { _ = try await upload.finish() }
        #expect(error?.code == .truncated)
      }
    }.report
    #expect(report.findings.isEmpty, "\(report.findings)")
    let books = try #require(try LeakAuditor.audit().arenas.first { $0.index == Int(arena.index) })
    #expect(books.difference == 0 && books.live.count == 0)
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("Made on one thread, fed on others and finished on yet another, under a lock of the program's")
  func threadPool() throws {
    let arena = try Arena(name: "pool")
    let file = try JPEGDecodingTests.drawnJPEG(width: 120, height: 80, arena: arena)
    let expected = try Bitmap.decode(file, arena: arena).takePacked()
    final class Job: Sendable {
      let decoder: Mutex<PictureDecoder?>
      let pixels = Mutex<[UInt8]?>(nil)
      let failure = Mutex<String?>(nil)
      init(_ decoder: consuming PictureDecoder) { self.decoder = Mutex(consume decoder) }
      func run(_ work: () throws -> Void) {
        do { try work() } catch { failure.withLock { $0 = "\(error)" } }
      }
    }
    let job = Job(PictureDecoder(arena: arena))
    for piece in Self.pieces(file, of: 500) {
      onThreads(1) { _ in job.run { try job.decoder.withLock { try $0?.append(piece) } } }
    }
    onThreads(1) { _ in
      job.run {
        let picture = try job.decoder.withLock { try $0.take()?.finish() }
        let pixels = try picture?.takePacked()
        job.pixels.withLock { $0 = pixels }
      }
    }
    #expect(job.failure.withLock { $0 } == nil)
    #expect(job.pixels.withLock { $0 } == expected)
    try arena.expectEmpty()
    try arena.destroy()
  }
}
