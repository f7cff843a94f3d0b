// SPDX-License-Identifier: Apache-2.0

import Glibc
import Hummingbird

/// The folder whose pictures are served, and nothing outside of it.
struct PictureFolder: Sendable {
  /// A file as it was when it was asked for.
  struct File: Hashable, Sendable {
    let path: String
    private let seconds: Int
    private let nanoseconds: Int

    fileprivate init(path: String, status: stat) {
      self.path = path
      (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }
  }

  struct Missing: Error, CustomStringConvertible {
    let description: String
  }

  private let root: String

  init(path: String) throws {
    guard let root = Self.resolved(path) else { throw Missing(description: "There is no folder \(path).") }
    self.root = root
  }

  /// Finds a file by its name in the folder, or in a folder inside of it.
  /// - Throws: 400 for a name that leaves the folder by itself; 404 if there is no such file, or if a symbolic link
  ///   leaves the folder.
  func file(named name: String) throws(HTTPError) -> File {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { ["", ".", ".."].contains($0) }), !name.utf8.contains(0) else {
      throw HTTPError(.badRequest, message: "`file` must be the name of a file in the folder.")
    }
    // Links are resolved before the comparison, and the path that is opened then has none.
    var status = stat()
    guard let path = Self.resolved("\(root)/\(name)"), path.hasPrefix("\(root)/"), unsafe lstat(path, &status) == 0
    else { throw HTTPError(.notFound, message: "There is no file of this name.") }
    return File(path: path, status: status)
  }

  /// The path without symbolic links and `..`; nil if there is no such file.
  private static func resolved(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }
}
