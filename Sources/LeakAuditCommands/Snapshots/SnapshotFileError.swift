// SPDX-License-Identifier: Apache-2.0

import LedgerReading

/// Why a file that begins like a snapshot could not be read.
package enum SnapshotFileError: Error, Equatable, Sendable {
  /// The end of the file is missing.
  case cutShort
  /// The bytes are not those that were written.
  case damaged
  /// Sound gzip with something else in it; `what` says what is wrong, as the end of a sentence.
  case notASnapshot(what: String)
  /// Sound gzip with a ledger in it.
  case compressedLedger
  case unknownVersion(Int)
  case tooLarge
  case memoryIsShort

  /// What happened, where, and what to do next.
  /// - Parameter subject: the file, as "file \"name\"".
  package func description(of subject: some CustomStringConvertible) -> String {
    switch self {
    case .cutShort:
      "the snapshot in \(subject) is cut short: its end is missing. Copy it again, and look whether the disk is full."
    case .damaged: "the snapshot in \(subject) is damaged: its bytes are not those that were written. Copy it again."
    case .notASnapshot(let what):
      "\(subject) is gzip, but no snapshot: \(what). Check the path; `leak-audit snapshot` writes snapshots."
    case .compressedLedger:
      "\(subject) is a ledger that was compressed by gzip. Uncompress it first (gunzip), and name the result."
    case .unknownVersion(let version):
      "the snapshot in \(subject) has version \(version), and this program reads version "
        + "\(LedgerSnapshot.currentVersion). Read it by the leak-audit that wrote it."
    case .tooLarge:
      "\(subject) is too large for a snapshot. Check the path; `leak-audit snapshot` writes snapshots."
    case .memoryIsShort: "the snapshot in \(subject) could not be read: memory is short. Free some memory."
    }
  }
}
