// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// How live memory grew in the time that was seen. It is not scaled to a minute: memory that comes and goes within
/// seconds would look like a growth that there never was.
package struct RecentGrowth: Sendable, Equatable, Encodable {
  package let byteCount: Int
  package let seconds: Int

  /// The most and the least seconds over which growth is told.
  static var longest: Int { 60 }
  static var shortest: Int { 10 }

  /// "+1.20 MiB in 45 s".
  func text(_ units: ByteText) -> String { "\(units.signed(byteCount)) in \(Age.text(seconds: seconds))" }
}
