internal import Glibc

/// Which file a path leads to, by device and number: two paths to one file are equal.
package struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt

  /// Nil where there is no file.
  package init?(_ path: FilePath) {
    guard let status = path.status() else { return nil }
    device = status.st_dev
    number = status.st_ino
  }
}
