// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import Foundation
import NativeBuffers
import TestSupport
import Testing

@Suite("The malloc of the process", .enabled(if: !Sanitizer.isOn, "A sanitizer has a malloc of its own."))
struct MallocTests {
  private struct Report: Decodable {
    struct Outside: Decodable {
      let malloc: String
      let allocated: Int?
    }
    struct Arena: Decodable { let allocatorByteCount: Int }
    let outside: Outside
    let arenas: [Arena]
  }

  /// What the demo reports of a process in which this file is preloaded; nil if the file is not there.
  private static func report(
    preloading file: String?, of folder: @autoclosure () throws -> PictureFolder = try PictureFolder()
  ) throws -> Report? {
    let folder = try folder()
    let preload = file.map { ["LD_PRELOAD=\($0)"] } ?? []
    let outcome = try Command.run(
      "/usr/bin/env",
      ["-u", "LD_PRELOAD"] + preload + [Command.path("leak-audit"), "demo", folder.path, "--format", "json"])
    if outcome.errors.contains("cannot be preloaded") { return nil }
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8))
  }

  @Test("A program that links this package keeps glibc's malloc, unless the trait JemallocMalloc is on")
  func unchanged() throws {
    let outside = try #require(try Self.report(preloading: nil)).outside
    #if JemallocMalloc
      #expect(outside.malloc == "libjemalloc.so.2")
    #else
      #expect(outside.malloc == "libc.so.6")
    #endif
    #expect(try #require(outside.allocated) > 0)
  }

  @Test(
    "A test bundle that links this package keeps glibc's malloc, too",
    .enabled(if: ProcessInfo.processInfo.environment["LD_PRELOAD"] == nil, "Another malloc is preloaded."))
  func bundle() {
    #if JemallocMalloc
      #expect(ProcessMalloc.owner == .jemalloc && ProcessMalloc.fileName == "libjemalloc.so.2")
    #else
      #expect(ProcessMalloc.owner == .glibc && ProcessMalloc.fileName == "libc.so.6")
    #endif
  }

  @Test("If jemalloc is preloaded, its malloc is used, and both books agree")
  func jemalloc() throws {
    let folder = try PictureFolder()
    let large = try Bitmap.drawn(width: 1_280, height: 800)
    try large.writePNG(toFileAt: folder.url.appendingPathComponent("large.png").path)
    let report = try #require(try Self.report(preloading: "libjemalloc.so.2", of: folder))
    #expect(report.outside.malloc == "libjemalloc.so.2")
    let allocated = try #require(report.outside.allocated)
    #expect(allocated > 0)
    // jemalloc's own sum contains the arenas. The blocks that the demo leaves idle have more bytes than all that it has
    // from malloc.
    let inArenas = report.arenas.reduce(0) { $0 + $1.allocatorByteCount }
    #expect(inArenas > 0 && allocated < inArenas, "the bytes of the arenas are not among those outside of them")
  }

  @Test("If another malloc is preloaded, the report names its file, and has no number")
  func another() throws {
    guard let outside = try Self.report(preloading: "libmimalloc.so.2")?.outside else {
      print("skipped: libmimalloc.so.2 is not installed")
      return
    }
    #expect(outside.malloc.hasPrefix("libmimalloc.so"))
    #expect(outside.allocated == nil)
  }
}
