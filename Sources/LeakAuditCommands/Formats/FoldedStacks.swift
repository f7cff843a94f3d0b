// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// What is live as "folded stacks": one line for each line of code, with the frames from the outermost to the innermost
/// separated by semicolons, and then the bytes. `flamegraph.pl` and speedscope read it. The form has no specification;
/// the README of FlameGraph describes it.
enum FoldedStacks {
  /// - Parameter shows: which lines of code are in it.
  static func text(_ ledgers: [AuditedLedger], shows: (Site) -> Bool) -> String {
    var sums: [[String]: Int] = [:]
    for snapshot in ledgers.map(\.snapshot) {
      let process = frame(snapshot.name)
      for row in snapshot.sums where row.use.isHeld && row.byteCount > 0 {
        let site = snapshot.sites[row.site].site
        guard shows(site) else { continue }
        let domain = snapshot.domains[row.domain]
        let frames = [process, frame(domain.label), frame(site.file), frame("\(site.function) line \(site.line)")]
        sums[frames] = .clampedSum(sums[frames] ?? 0, row.byteCount)
      }
    }
    return sums.map { "\($0.key.joined(separator: ";")) \($0.value)" }.sorted().joined(separator: "\n")
  }

  /// A semicolon ends a frame, and nothing stands for one. Line breaks cannot be in a text of a snapshot.
  private static func frame(_ text: String) -> String { String(text.map { $0 == ";" ? "," : $0 }) }
}

extension SnapshotDomain {
  /// "arena shared", "file descriptors".
  var label: String { name == kind.label ? name : "\(kind.label) \(name)" }
}
