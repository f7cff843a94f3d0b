// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CommandSupport
import Foundation

/// Where thumbnails go: a folder that the user named, or a temporary one that is removed at the end.
struct ThumbnailFolder {
  let path: String
  let isTemporary: Bool

  init(_ output: String?) throws(BatchError) {
    isTemporary = output == nil
    path =
      output ?? FilePath.joining(NSTemporaryDirectory(), "leak-audit-\(UUID().uuidString)")
    if let what = FilePath(path).insteadOfFolder {
      throw BatchError("\(path) is \(what), and thumbnails go to a folder. Name one with --output.")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw BatchError(
        "the folder for thumbnails, \(path), cannot be made: \(error.localizedDescription) "
          + "Name another one with --output.")
    }
  }

  /// Writes a thumbnail, and makes the folders that its name needs. Replaces only a thumbnail of an earlier run: no
  /// picture that was read, and no file without the mark.
  func write(_ thumbnail: Bitmap, to name: String, sparing inputs: Set<FileIdentity>) throws {
    let file = FilePath.joining(path, name)
    if try FileIdentity(FilePath(file)).map(inputs.contains) == true || ThumbnailMark.isForeign(FilePath(file)) {
      throw BatchError(
        "its thumbnail would replace \(file), which is no thumbnail of an earlier run and stays. Name another folder "
          + "with --output.")
    }
    if let folder = FilePath(file).parent?.exactText, !folder.isEmpty {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    let mark = ThumbnailMark(hasWarnings: !thumbnail.decodingWarnings.isEmpty)
    try thumbnail.writeJPEG(toFileAt: file, quality: 85, comment: mark.comment, arena: nil)
  }

  func removeIfTemporary() {
    if isTemporary { try? FileManager.default.removeItem(atPath: path) }
  }
}

/// Names for thumbnails: the picture's name with `.jpg` as its ending; if that name is taken, the whole old name plus
/// `.jpg`.
struct ThumbnailNames {
  private var taken: Set<String> = []

  mutating func name(for relativePath: String) -> String {
    var name = "\(Self.withoutEnding(relativePath)).jpg"
    if taken.contains(name) { name = relativePath + ".jpg" }
    var number = 2
    while !taken.insert(name).inserted {
      name = relativePath + ".\(number).jpg"
      number += 1
    }
    return name
  }

  /// The path without the last dot of the file's own name and what follows it. A dot at the start or end of the name
  /// does not count.
  private static func withoutEnding(_ path: String) -> Substring {
    let start = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    guard let dot = path[start...].lastIndex(of: "."), dot > start, path.index(after: dot) < path.endIndex else {
      return path[...]
    }
    return path[..<dot]
  }
}
