// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CommandSupport
import Foundation
import NativeBuffers

/// The folder that thumbnails go to, and which of its files may be replaced.
struct OutputTree: Sendable {
  let path: String
  let identity: FileIdentity?
  /// For each input, the folder below the output folder that its tree goes to; nil if it goes to the output folder
  /// itself.
  private let subfolders: [String?]
  private let inputs: Set<FileIdentity>

  /// Makes the folder.
  /// - Throws: ``BatchError`` if the folder cannot be made, if thumbnails would lie among the pictures, or if two
  ///   inputs are the same or would get the same name.
  init(_ path: String, inputs: [String]) throws(BatchError) {
    if let what = FilePath(path).insteadOfFolder {
      throw BatchError("--output \(path) is \(what), and thumbnails go to a folder. Name another one.")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw BatchError("the output folder \(path) cannot be made: \(error.localizedDescription) Name another one.")
    }
    self.path = path
    identity = FileIdentity(FilePath(path))
    let folders = inputs.filter { FilePath($0).kind(followingLinks: true) == .folder }
    for folder in folders where Self.resolved(folder) == Self.resolved(path) || Self.contains(path, folder) {
      throw BatchError(
        "thumbnails in \(path) would lie among the pictures of \(folder). Name a folder beside or below it.")
    }
    var names: [String: String] = [:]
    var subfolders: [String?] = []
    for input in inputs {
      let isFolder = folders.contains(input)
      let name = FilePath(Self.resolved(input)).lastComponent.text
      subfolders.append(isFolder && inputs.count > 1 ? name : nil)
      if let other = names.updateValue(input, forKey: isFolder ? name : OutputName.name(for: name)) {
        if other == input || FileIdentity(FilePath(other)) == FileIdentity(FilePath(input)) {
          throw BatchError("\(input) is named twice\(other == input ? "" : ", also as \(other)"). Name it once.")
        }
        throw BatchError(
          "two of what is named are called \(name), and their thumbnails would go to the same place. "
            + "Give each a run with an output folder of its own.")
      }
    }
    self.subfolders = subfolders
    self.inputs = Set(inputs.compactMap { FileIdentity(FilePath($0)) })
  }

  /// The path of a file's thumbnail.
  /// - Throws: ``BatchError`` if the file's name is no UTF-8 text, or the thumbnail's name would be too long.
  func target(for file: PictureWalk.File) throws(BatchError) -> String {
    guard let lastName = file.relative.lastComponent.exactText, file.relative.exactText != nil else {
      throw BatchError("its name is no UTF-8 text, and a thumbnail's name must be. Rename it.")
    }
    let name = OutputName.name(for: lastName)
    guard name.utf8.count <= NAME_MAX else {
      throw BatchError(
        "its thumbnail's name would be too long: \(name.utf8.count) bytes, and a name has at most \(NAME_MAX). Rename it."
      )
    }
    let folders = [subfolders[file.root], file.relative.parent?.exactText].compactMap(\.self)
    return (folders + [name]).reduce(path) { FilePath.joining($0, $1) }
  }

  /// Whether this program wrote the thumbnail at `target` and it is whole, newer than the picture and as wide as a new
  /// one would be, and there was nothing to warn of when it was made.
  func isUpToDate(_ target: String, of file: PictureWalk.File, width: Int, arena: Arena) -> Bool {
    guard FileIdentity(FilePath(target)) != FileIdentity(file.path),
      let made = FilePath(target).status(), let taken = file.path.status(),
      (made.st_mtim.tv_sec, made.st_mtim.tv_nsec) > (taken.st_mtim.tv_sec, taken.st_mtim.tv_nsec),
      ThumbnailMark.isOrdinaryAndWhole(FilePath(target)),
      let info = try? PictureInfo(probingFileAt: target, arena: arena), info.format == .jpeg
    else { return false }
    if info.width == width { return true }
    // A thumbnail that is narrower than `width` is right only if the picture itself is that narrow.
    guard info.width < width, let source = file.path.exactText,
      let original = try? PictureInfo(probingFileAt: source, arena: arena)
    else { return false }
    return info.width == original.uprightWidth
  }

  /// Writes a thumbnail, and makes the folders above it. Replaces only files that this program wrote.
  func write(_ thumbnail: Bitmap, to target: String, quality: Int, arena: Arena) throws {
    if let existing = FileIdentity(FilePath(target)), inputs.contains(existing) {
      throw BatchError("its thumbnail would replace \(target), which is a picture to read. Name another --output.")
    }
    if try ThumbnailMark.isForeign(FilePath(target)) {
      throw BatchError(
        "its thumbnail would replace \(target), which this program did not make, and which stays. "
          + "Move it away, or name another --output.")
    }
    guard thumbnail.height <= Self.largestSide else {
      throw BatchError(
        "its thumbnail would be \(thumbnail.width)×\(thumbnail.height), and a JPEG has at most \(Self.largestSide) "
          + "rows. Name a smaller --width, or leave this picture out.")
    }
    if let folder = FilePath(target).parent?.exactText, !folder.isEmpty {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }
    let mark = ThumbnailMark(hasWarnings: !thumbnail.decodingWarnings.isEmpty)
    try thumbnail.writeJPEG(toFileAt: target, quality: quality, comment: mark.comment, arena: arena)
  }

  /// The largest height or width of a JPEG that libjpeg writes.
  static let largestSide = 65_500

  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }

  private static func contains(_ outer: String, _ inner: String) -> Bool {
    let outer = resolved(outer)
    return resolved(inner).hasPrefix(outer.hasSuffix("/") ? outer : outer + "/")
  }
}
