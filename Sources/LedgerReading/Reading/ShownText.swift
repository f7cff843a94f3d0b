// SPDX-License-Identifier: Apache-2.0

extension String {
  /// A text that comes from outside, without what could move a terminal's cursor or turn the direction of writing:
  /// characters that cannot be seen are written as `\u{1B}`.
  package var shownOnTerminals: String {
    if utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return self }
    var shown = ""
    for scalar in unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .unassigned, .privateUse:
        shown += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  /// A text of a ledger: UTF-8, of which parts that are not valid become U+FFFD, as ``shownOnTerminals``.
  package init(ledgerText bytes: some Sequence<UInt8>) {
    self = String(decoding: Array(bytes), as: UTF8.self).shownOnTerminals
  }
}
