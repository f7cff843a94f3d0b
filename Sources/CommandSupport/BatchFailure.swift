// SPDX-License-Identifier: Apache-2.0

import SystemPackage

internal import Bitmaps

/// A file or folder that could not be processed, for the report.
package struct BatchFailure: Encodable, Sendable {
  package let path: String
  package let reason: String

  package init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// Says in words what keeps a command from doing its work, or a file from being processed.
package struct BatchError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

extension BatchError {
  init(cannotPutThumbnailAt path: FilePath, _ error: Errno) {
    self.init(
      "its thumbnail cannot be put at \(path.printable): \(fileRefusal(error.rawValue)) Or name another --output.")
  }

  /// The error for a picture that `--strict-pictures` refuses, with the text of each of its warnings.
  package init(strictlyRefusedFor warnings: [String]) {
    self.init(
      "is damaged: \(warnings.joined(separator: " ")) Fetch it again from where it came from, or leave "
        + "--strict-pictures out.")
  }
}
