// SPDX-License-Identifier: Apache-2.0

import Foundation
import SystemPackage

internal import Bitmaps
internal import NativeBuffers

/// The folder that thumbnails go to, and which of its files may be replaced.
package struct OutputTree: Sendable {
  let folder: FilePath
  let identity: FileIdentity?
  private let isTemporary: Bool
  /// For each input, the folder below the output folder that its tree goes to; nil if it goes to the output folder
  /// itself.
  private let subfolders: [FilePath.Component?]
  private let inputs: Set<FileIdentity>

  /// Makes the folder, once nothing else can be refused.
  ///
  /// - Parameter path: Nil for a folder of its own, which ``removeIfTemporary()`` removes with all that is in it.
  /// - Throws: ``BatchError`` if the folder cannot be made, if thumbnails would lie among the pictures, or if two
  ///   inputs are the same or would get the same name.
  package init(_ path: String?, inputs: [String]) throws(BatchError) {
    isTemporary = path == nil
    let path = path ?? FilePath(NSTemporaryDirectory()).appending("thumbnails-\(UUID().uuidString)").string
    folder = FilePath(path)
    if let kind = try? folder.kind(followingLinks: true), kind != .folder {
      throw BatchError("--output \(path) is \(kind.name), and thumbnails go to a folder. Name another one.")
    }
    subfolders = try Self.subfolders(for: inputs, below: folder)
    self.inputs = Set(inputs.compactMap { FileIdentity(FilePath($0)) })
    do {
      try folder.makeFolder()
    } catch {
      throw BatchError(
        "the folder for thumbnails, \(path), cannot be made: \(fileRefusal(error.rawValue)) Or name another --output.")
    }
    identity = FileIdentity(folder)
  }

  private static func subfolders(
    for inputs: [String], below output: FilePath
  ) throws(BatchError) -> [FilePath.Component?] {
    let folders = inputs.filter { FilePath($0).isFolder }
    // The folder itself, or one below the output folder. If the output folder is missing, no folder lies below it.
    if let real = output.withoutLinks {
      for folder in folders where FilePath(folder).withoutLinks?.starts(with: real) == true {
        throw BatchError(
          "thumbnails in \(output) would lie among the pictures of \(folder). Name a folder beside or below it.")
      }
    }
    var names: [String: String] = [:]
    var subfolders: [FilePath.Component?] = []
    for input in inputs {
      let isFolder = folders.contains(input)
      // A folder can be named "." or "..".
      let component = (isFolder ? FilePath(input).withoutLinks : nil)?.lastComponent ?? FilePath(input).lastComponent
      let name = component?.string ?? ""
      subfolders.append(isFolder && inputs.count > 1 ? component : nil)
      if let other = names.updateValue(input, forKey: isFolder ? name : OutputName.name(for: name)) {
        if other == input || FileIdentity(FilePath(other)) == FileIdentity(FilePath(input)) {
          throw BatchError("\(input) is named twice\(other == input ? "" : ", also as \(other)"). Name it once.")
        }
        throw BatchError(
          "two inputs are called \(name), and their thumbnails would go to the same place. "
            + "Run the command once for each of them, with output folders of their own.")
      }
    }
    return subfolders
  }

  /// The path of a file's thumbnail.
  ///
  /// - Throws: ``BatchError`` if the file's name is not UTF-8 text, or the thumbnail's name would be too long.
  func target(for file: PictureWalk.File) throws(BatchError) -> FilePath {
    // The names in a temporary folder do not matter, so any text will do.
    let exactText = file.relative.exactText ?? (isTemporary ? file.relative.printable : nil)
    guard let exactText else {
      throw BatchError("its name is not UTF-8 text, and a thumbnail's name must be. Rename the picture.")
    }
    let relative = FilePath(exactText)
    let name = OutputName.name(for: relative.lastComponent?.string ?? "")
    guard name.utf8.count <= NAME_MAX else {
      throw BatchError(
        "its thumbnail's name would be too long: \(name.utf8.count) bytes, and a name has at most \(NAME_MAX). "
          + "Rename it.")
    }
    var target = folder
    if let subfolder = subfolders[file.root] { target.append(subfolder) }
    target.append(relative.removingLastComponent().components)
    return target.appending(name)
  }

  /// Whether these commands wrote the thumbnail at `target` and it is whole, newer than the picture and as wide as a
  /// new one would be, and there was nothing to warn of when it was made.
  func isUpToDate(_ target: FilePath, of file: PictureWalk.File, width: Int, arena: Arena?) -> Bool {
    guard FileIdentity(target) != FileIdentity(file.path),
      let made = target.status(), let taken = file.path.status(),
      (made.st_mtim.tv_sec, made.st_mtim.tv_nsec) > (taken.st_mtim.tv_sec, taken.st_mtim.tv_nsec),
      ThumbnailMark.isOrdinaryAndWhole(target),
      let info = try? PictureInfo(probingFileAt: target.string, arena: arena), info.format == .jpeg
    else { return false }
    if info.width == width { return true }
    // A thumbnail that is narrower than `width` is right only if the picture itself is that narrow.
    guard info.width < width,
      let original = try? file.path.withOpenablePath({ try PictureInfo(probingFileAt: $0, arena: arena) })
    else { return false }
    return info.width == original.uprightWidth
  }

  /// Writes a thumbnail, and makes the folders above it. Replaces only files that these commands wrote.
  func write(_ thumbnail: Bitmap, to target: FilePath, quality: Int, arena: Arena?) throws {
    if let existing = FileIdentity(target), inputs.contains(existing) {
      throw BatchError("its thumbnail would replace \(target), which is a picture to read. Name another --output.")
    }
    if try ThumbnailMark.isForeign(target) {
      throw BatchError(
        "its thumbnail would replace \(target), which this program did not make, and which stays. "
          + "Move it away, or name another --output.")
    }
    guard thumbnail.height <= Self.largestSide else {
      throw BatchError(
        "its thumbnail would be \(thumbnail.width)×\(thumbnail.height), and a JPEG has at most \(Self.largestSide) "
          + "rows. Name a smaller --width, or leave this picture out.")
    }
    do {
      try target.removingLastComponent().makeFolder()
    } catch {
      throw BatchError(cannotPutThumbnailAt: target, error)
    }
    let mark = ThumbnailMark(hasWarnings: !thumbnail.decodingWarnings.isEmpty)
    try thumbnail.writeJPEG(toFileAt: target.string, quality: quality, comment: mark.rawValue, arena: arena)
  }

  package func removeIfTemporary() {
    if isTemporary { try? FileManager.default.removeItem(atPath: folder.string) }
  }

  /// The largest height or width of a JPEG that libjpeg writes.
  private static let largestSide = 65_500
}
