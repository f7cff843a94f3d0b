import Glibc

/// The stream for people: what failed, and progress where it is a terminal.
enum StandardError {
  static let isTerminal = isatty(STDERR_FILENO) == 1

  static func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
      // Nobody is left to tell where this stream fails.
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}

/// A line on the terminal that is written over and over.
struct Progress {
  let total: Int
  private let isShown = StandardError.isTerminal

  init(total: Int) { self.total = total }

  func show(_ done: Int, _ name: String) {
    guard isShown else { return }
    StandardError.write("\r\u{1B}[K[\(done)/\(total)] \(name.prefix(60))")
  }

  /// Removes the line, so that what follows starts on an empty one.
  func clear() {
    guard isShown else { return }
    StandardError.write("\r\u{1B}[K")
  }
}
