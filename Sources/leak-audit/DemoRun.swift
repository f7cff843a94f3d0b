// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CommandSupport
import LeakAuditing

/// The demo's work: thumbnails of every picture, faults if the user asked for them, then the audit.
struct DemoRun {
  let folders: [String]
  let output: String?
  let faults: [InjectedFault]
  /// Whether a picture with warnings is refused.
  let isStrict: Bool

  static let drawnCount = 12
  static let drawnSize = (width: 3_840, height: 2_160)

  func report() throws -> DemoReport {
    let tree = try OutputTree(output, inputs: folders)
    defer { tree.removeIfTemporary() }
    var options = ThumbnailJob.Options()
    options.isStrict = isStrict
    options.keepsFailures = true
    let job = ThumbnailJob(tree: tree, options: options, total: Self.drawnCount)
    let start = ProcessUsage.now()
    let (_, scope) = try LeakAuditor.scope("demo") {
      if folders.isEmpty {
        draw(for: job, width: options.width)
      } else {
        job.run(folders, threadCount: 1)
      }
      for fault in faults where fault.isInsideScope { try fault.commit() }
    }
    let usage = ProcessUsage.now().since(start)
    for fault in faults where !fault.isInsideScope { try fault.commit() }
    let audit = try LeakAuditor.audit()
    // Only `held` is taken from the scope: what was rescued there is also among the rescues of the process.
    let findings = scope.findings.filter { $0.kind == .held } + audit.findings
    return DemoReport(
      verdict: Verdict(findings), findings: findings, arenas: audit.arenas, outside: audit.outside,
      run: DemoReport.Run(
        folders: folders, drawn: folders.isEmpty, pictures: job.counts.made, failures: job.failures,
        output: output, usage: usage, arenas: audit.arenas))
  }

  private func draw(for job: ThumbnailJob, width: Int) {
    for variant in 0..<Self.drawnCount where Interruption.current == 0 {
      job.make("drawn-\(variant + 1).jpg") {
        let picture = try Bitmap.drawn(width: Self.drawnSize.width, height: Self.drawnSize.height, variant: variant)
        defer { picture.dispose() }
        return try picture.downscaled(toWidth: width)
      }
    }
  }
}
