// SPDX-License-Identifier: Apache-2.0

import LeakAuditing
import NativeBuffers
import Testing

@testable import Bitmaps

@Suite("Audits of bitmaps")
struct AuditTests {
  @Test("A whole pipeline, also when it fails, leaves nothing held and nothing rescued")
  func pipeline() throws {
    try withOwnArena { arena in
      try Files.withTemporaryFolder { folder in
        let file = try JPEGDecodingTests.drawnJPEG(width: 300, height: 200, arena: arena)
        try Files.write(file, to: "\(folder)/whole.jpg")
        try Files.write(Array(file[..<(file.count / 2)]), to: "\(folder)/cut.jpg")
        let report = LeakAuditor.scope("pipeline") {
          for name in ["whole.jpg", "cut.jpg", "missing.jpg"] {
            do {
              let thumbnail = try Bitmap(thumbnailOfFileAt: "\(folder)/\(name)", width: 64, arena: arena)
              defer { thumbnail.dispose() }
              try thumbnail.writeJPEG(toFileAt: "\(folder)/thumbnail.jpg", arena: arena)
              try thumbnail.writeJPEG(toFileAt: "\(folder)/missing/thumbnail.jpg", arena: arena)
            } catch {
              #expect(error is BitmapError)
            }
          }
        }.report
        #expect(report.findings.isEmpty, "\(report.findings)")
        #expect(Files.names(in: folder) == ["cut.jpg", "thumbnail.jpg", "whole.jpg"])
      }
    }
  }

  @Test("A forgotten bitmap is reported with the line that created it")
  func forgotten() throws {
    try withOwnArena { arena in
      var kept: Bitmap?
      let line = #line + 2
      let report = try LeakAuditor.scope("forgetting") {
        kept = try Bitmap.drawn(width: 20, height: 10, arena: arena)
      }.report
      let finding = try #require(report.findings.first)
      #expect(finding.kind == .held && finding.count == 1)
      let site = try #require(finding.sites.first)
      #expect(site.file == "BitmapsTests/AuditTests.swift" && site.line == line)
      kept?.dispose()
    }
  }
}
