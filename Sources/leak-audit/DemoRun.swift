// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CommandSupport
import Foundation
import LeakAuditing
import NativeBuffers

/// The demo's work: thumbnails of every picture, faults if the user asked for them, then the audit.
struct DemoRun {
  let folders: [String]
  let output: String?
  let plants: [InjectedFault]
  /// Whether a picture with warnings is refused.
  let isStrict: Bool

  static let thumbnailWidth = 256
  static let drawnCount = 12
  static let drawnSize = (width: 3_840, height: 2_160)

  func report() throws -> DemoReport {
    let target = try ThumbnailFolder(output)
    defer { target.removeIfTemporary() }
    let start = ProcessUsage.now()
    let (work, scope) = try LeakAuditor.scope("demo") {
      let work = folders.isEmpty ? drawnPictures(into: target) : pictures(into: target)
      for plant in plants where plant.isInsideScope { try plant.commit() }
      return work
    }
    let usage = ProcessUsage.now().since(start)
    for plant in plants where !plant.isInsideScope { try plant.commit() }
    let audit = try LeakAuditor.audit()
    // Only `held` is taken from the scope: what was rescued there is also among the rescues of the process.
    let findings = scope.findings.filter { $0.kind == .held } + audit.findings
    return DemoReport(
      verdict: Verdict(findings), findings: findings, arenas: audit.arenas, outside: audit.outside,
      run: DemoReport.Run(
        folders: folders, drawn: folders.isEmpty, pictures: work.count, failures: work.failures,
        output: output, usage: usage, arenas: audit.arenas))
  }

  private struct Work {
    var count = 0
    var failures: [BatchFailure] = []
  }

  private func pictures(into target: ThumbnailFolder) -> Work {
    var pictures = PictureWalk(folders, excluding: FileIdentity(FilePath(target.path)))
    let walk = pictures.all()
    var work = Work(failures: walk.failures)
    for failure in walk.failures { StandardError.write("\(failure.path): \(failure.reason)\n") }
    let inputs = Set(walk.files.compactMap { FileIdentity($0.path) })
    let progress = ProgressLine(total: walk.files.count)
    var names = ThumbnailNames()
    for (index, file) in walk.files.enumerated() {
      progress.show(index + 1, file.relativePath)
      do {
        let thumbnail = try file.path.withOpenablePath { path in
          try Bitmap(thumbnailOfFileAt: path, width: Self.thumbnailWidth)
        }
        defer { thumbnail.dispose() }
        let warnings = thumbnail.decodingWarnings
        if isStrict, !warnings.isEmpty { throw BatchError(strictlyRefusedFor: warnings.map(\.reason)) }
        try target.write(thumbnail, to: names.name(for: file.relativePath), sparing: inputs)
        work.count += 1
        for warning in warnings {
          progress.clear()
          StandardError.write("\(file.path.text): warning: \(FilePath.printable(warning.reason))\n")
        }
      } catch {
        let reason = FilePath.printable(Self.reason(error, for: file.path.exactText))
        work.failures.append(.init(path: file.path.text, reason: reason))
        progress.clear()
        StandardError.write("\(file.path.text): \(reason)\n")
      }
      if Interruption.current != 0 { break }
    }
    progress.clear()
    return work
  }

  /// The text of an error: only the reason if it is about this file, with the path if it is about another file.
  private static func reason(_ error: any Error, for path: String?) -> String {
    guard let error = error as? BitmapError, error.path == nil || path == nil || error.path == path else {
      return "\(error)"
    }
    return error.reason
  }

  private func drawnPictures(into target: ThumbnailFolder) -> Work {
    var work = Work()
    let progress = ProgressLine(total: Self.drawnCount)
    for variant in 0..<Self.drawnCount {
      let name = "drawn-\(variant + 1).jpg"
      progress.show(variant + 1, name)
      do {
        let picture = try Bitmap.drawn(width: Self.drawnSize.width, height: Self.drawnSize.height, variant: variant)
        defer { picture.dispose() }
        let thumbnail = try picture.downscaled(toWidth: Self.thumbnailWidth)
        defer { thumbnail.dispose() }
        try target.write(thumbnail, to: name, sparing: [])
        work.count += 1
      } catch {
        work.failures.append(.init(path: name, reason: "\(error)"))
        progress.clear()
        StandardError.write("\(name): \(error)\n")
      }
      if Interruption.current != 0 { break }
    }
    progress.clear()
    return work
  }
}
