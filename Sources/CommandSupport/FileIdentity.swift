// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

/// The file that a path leads to, by device and number: two paths to the same file are equal.
struct FileIdentity: Hashable, Sendable {
  private let device: UInt
  private let number: UInt

  /// Nil if there is no file.
  init?(_ path: FilePath) {
    guard let status = path.status() else { return nil }
    device = status.st_dev
    number = status.st_ino
  }
}
