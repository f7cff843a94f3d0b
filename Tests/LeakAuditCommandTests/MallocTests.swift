// SPDX-License-Identifier: Apache-2.0

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
    let outside: Outside
  }

  /// What the demo reports of a process in which this file is preloaded; nil if the file is not there.
  private static func report(preloading file: String?) throws -> Report.Outside? {
    let folder = try PictureFolder()
    let preload = file.map { ["LD_PRELOAD=\($0)"] } ?? []
    let outcome = try Command.run(
      "/usr/bin/env",
      ["-u", "LD_PRELOAD"] + preload + [Command.path("leak-audit"), "demo", folder.path, "--format", "json"])
    if outcome.errors.contains("cannot be preloaded") { return nil }
    #expect(outcome.exitCode == 0, "\(outcome.errors)")
    return try JSONDecoder().decode(Report.self, from: Data(outcome.output.utf8)).outside
  }

  @Test("A program that links this package keeps glibc's malloc, unless the trait JemallocMalloc is on")
  func unchanged() throws {
    let outside = try #require(try Self.report(preloading: nil))
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
    let outside = try #require(try Self.report(preloading: "libjemalloc.so.2"))
    #expect(outside.malloc == "libjemalloc.so.2")
    #expect(try #require(outside.allocated) > 0)
  }

  @Test("If another malloc is preloaded, the report names its file, and has no number")
  func another() throws {
    guard let outside = try Self.report(preloading: "libmimalloc.so.2") else {
      print("skipped: libmimalloc.so.2 is not installed")
      return
    }
    #expect(outside.malloc.hasPrefix("libmimalloc.so"))
    #expect(outside.allocated == nil)
  }
}
