/// A file or folder that could not be processed, for the report.
package struct BatchFailure: Encodable, Sendable {
  package let path: String
  package let reason: String

  package init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }
}

/// What keeps a command from doing its work, or a file from being processed, in words.
package struct BatchError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

extension BatchError {
  /// Of a picture that `--strict-pictures` refuses, with the text of each of its warnings.
  package init(strictlyRefusedFor warnings: [String]) {
    self.init(
      "is damaged: \(warnings.joined(separator: " ")) Fetch it again from where it came from, or leave --strict-pictures "
        + "out.")
  }
}
