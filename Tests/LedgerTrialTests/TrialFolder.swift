// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport

/// A folder for a test, which goes with this object.
final class TestFolder {
  let path: String

  /// - Parameter parent: where it is made; nil for the folder for temporary files.
  init(in parent: String? = nil) throws {
    let name = "ledger-trial-\(UUID().uuidString)"
    path = (parent.map { URL(filePath: $0) } ?? FileManager.default.temporaryDirectory).appending(path: name).path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
}

/// What tests ask before they use a feature of the system.
enum System {
  static var isRoot: Bool { geteuid() == 0 }

  /// Whether the system lets this user open files by `/proc/PID/map_files`.
  static var opensMappings: Bool {
    let folder = "/proc/self/map_files"
    guard let name = try? FileManager.default.contentsOfDirectory(atPath: folder).first else { return false }
    let file = unsafe open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
    if file >= 0 { close(file) }
    return file >= 0
  }

  /// Whether the system allows namespaces and mounts.
  static var hasNamespaces: Bool {
    let outcome = try? Command.run(
      "/usr/bin/unshare",
      ["--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "/bin/mount", "-t", "tmpfs", "none", "/mnt"])
    return isRoot && outcome?.exitCode == 0
  }
}
