// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc

/// When reports have colours.
package enum ColorChoice: String, CaseIterable, Sendable {
  /// If the stream is a terminal, and neither `NO_COLOR` nor `TERM=dumb` says otherwise.
  case auto
  case always, never

  package func isColored(isTerminal: Bool) -> Bool {
    switch self {
    case .always: return true
    case .never: return false
    case .auto: return isTerminal && !Environment.isSet("NO_COLOR") && Environment["TERM"] != "dumb"
    }
  }
}

/// Colours for parts of a report, or none.
package struct Style: Sendable {
  package let isColored: Bool

  package init(isColored: Bool) { self.isColored = isColored }

  package static let plain = Style(isColored: false)

  package func fault(_ text: String) -> String { painted(text, "1;31") }
  package func note(_ text: String) -> String { painted(text, "33") }
  package func good(_ text: String) -> String { painted(text, "32") }
  package func heading(_ text: String) -> String { painted(text, "1") }
  package func faint(_ text: String) -> String { painted(text, "2") }

  private func painted(_ text: String, _ code: String) -> String {
    isColored ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
  }
}

/// The environment of this process.
package enum Environment {
  /// Nil if the variable is not there, or is no text.
  package static subscript(_ name: String) -> String? {
    // SAFETY: nothing in these commands changes the environment, so the string stays.
    unsafe getenv(name).flatMap { unsafe String(validatingCString: $0) }
  }

  /// Whether the variable has a value that is not empty.
  package static func isSet(_ name: String) -> Bool { self[name]?.isEmpty == false }
}
