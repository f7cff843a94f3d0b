// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension Int {
  /// The number with its noun: "1 block", "1,200 blocks", "2 entries".
  /// - Parameter plural: nil for a noun that only gets an s.
  func counted(_ noun: String, _ plural: String? = nil) -> String {
    "\(grouped) \(self == 1 ? noun : plural ?? noun + "s")"
  }
}
