// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The Swift files of a package, by what `#fileID` says of them. That is the module's name and the file's name, and not
/// where in the package the file is: code hosts want that path.
struct SourceFiles {
  /// Paths relative to the root, by the name of the file.
  private let paths: [String: [String]]

  /// Looks for the files in a folder, without hidden ones and without links. A folder that cannot be read has no files.
  /// - Parameters:
  ///   - root: the folder of the package.
  ///   - limit: at most so many files and folders are looked at, so that a wrong folder, such as `/`, takes no time.
  init(root: String, limit: Int = 100_000) {
    var paths: [String: [String]] = [:]
    var folders = [""]
    var seen = 0
    while let folder = folders.popLast(), seen < limit {
      let names = (try? folderEntries(root + "/" + folder)) ?? []
      for name in names where !name.hasPrefix(".") {
        seen += 1
        let path = folder.isEmpty ? name : folder + "/" + name
        var status = stat()
        guard unsafe lstat(root + "/" + path, &status) == 0 else { continue }
        if status.st_mode & S_IFMT == S_IFDIR {
          folders.append(path)
        } else if status.st_mode & S_IFMT == S_IFREG, name.hasSuffix(".swift") {
          paths[name, default: []].append(path)
        }
      }
    }
    self.paths = paths.mapValues { $0.sorted { ($0.utf8.count, $0) < ($1.utf8.count, $1) } }
  }

  /// The path of a file from the root on. If the package does not have it, this is where a package usually has it.
  /// - Parameter fileID: as "Module/File.swift". Another text has no path: this is nil.
  func path(of fileID: String) -> String? {
    let parts = fileID.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !["", ".", ".."].contains($0) }) else { return nil }
    let module = String(parts[0])
    let found = paths[String(parts[1])]?.first { path in
      path.split(separator: "/").dropLast().contains { Self.moduleName(ofTarget: $0) == module }
    }
    return found ?? "Sources/\(fileID)"
  }

  /// The module of a target: what cannot be in a Swift name is an underscore.
  private static func moduleName(ofTarget name: Substring) -> String {
    String(name.map { $0.isLetter || $0.isNumber || $0 == "_" ? $0 : "_" })
  }
}
