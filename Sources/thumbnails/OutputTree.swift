import Bitmaps
import Foundation
import NativeBuffers
import PictureBatches

/// The folder that thumbnails go to, and which of its files may be replaced.
struct OutputTree: Sendable {
  let path: String
  let identity: FileIdentity?
  /// For each input, the folder below the output folder that its tree goes to; nil for the output folder itself.
  private let subfolders: [String?]
  private let inputs: Set<FileIdentity>

  /// Makes the folder. Throws where it cannot be made, or where thumbnails could come to lie among the pictures.
  init(_ path: String, inputs: [String]) throws(BatchError) {
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
    var names: Set<String> = []
    var subfolders: [String?] = []
    for input in inputs {
      let isFolder = folders.contains(input)
      let name = (Self.resolved(input) as NSString).lastPathComponent
      subfolders.append(isFolder && inputs.count > 1 ? name : nil)
      guard names.insert(isFolder ? name : OutputName.name(for: name)).inserted else {
        throw BatchError(
          "two of what is named are called \(name), and their thumbnails would go to the same place. "
            + "Give each a run with an output folder of its own.")
      }
    }
    self.subfolders = subfolders
    self.inputs = Set(inputs.compactMap { FileIdentity(FilePath($0)) })
  }

  /// Where the thumbnail of a file goes.
  func target(for file: PictureWalk.File) throws(BatchError) -> String {
    guard let relative = file.relative.exactText else {
      throw BatchError("its name is no UTF-8 text, and a thumbnail's name must be. Rename it.")
    }
    let folder = (relative as NSString).deletingLastPathComponent as NSString
    let name = OutputName.name(for: (relative as NSString).lastPathComponent)
    let base = subfolders[file.root].map { (path as NSString).appendingPathComponent($0) } ?? path
    return (base as NSString).appendingPathComponent(folder.appendingPathComponent(name))
  }

  /// Whether the thumbnail at `target` is newer than the picture and has the width that it would get.
  func isUpToDate(_ target: String, of file: PictureWalk.File, width: Int, arena: Arena) -> Bool {
    guard FileIdentity(FilePath(target)) != FileIdentity(file.path),
      let made = FilePath(target).status(), let taken = file.path.status(),
      (made.st_mtim.tv_sec, made.st_mtim.tv_nsec) > (taken.st_mtim.tv_sec, taken.st_mtim.tv_nsec),
      let info = try? PictureInfo(probingFileAt: target, arena: arena), info.format == .jpeg
    else { return false }
    if info.width == width { return true }
    // Narrower than wanted is right only for a picture that is so narrow itself.
    guard info.width < width, let source = file.path.exactText,
      let original = try? PictureInfo(probingFileAt: source, arena: arena)
    else { return false }
    return info.width == (original.orientation.swapsSides ? original.height : original.width)
  }

  /// Writes a thumbnail, and the folders above it. Replaces what can be an older thumbnail of this width, and no other
  /// file.
  func write(_ thumbnail: Bitmap, to target: String, width: Int, quality: Int, arena: Arena) throws {
    if let existing = FileIdentity(FilePath(target)) {
      guard !inputs.contains(existing), Self.isThumbnail(target, width: width, arena: arena) else {
        throw BatchError(
          "its thumbnail would replace \(target), which is no JPEG of at most \(width) pixels and stays. "
            + "Name another --output.")
      }
    }
    try FileManager.default.createDirectory(
      atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try thumbnail.writeJPEG(toFileAt: target, quality: quality, arena: arena)
  }

  private static func isThumbnail(_ path: String, width: Int, arena: Arena) -> Bool {
    guard let info = try? PictureInfo(probingFileAt: path, arena: arena) else { return false }
    return info.format == .jpeg && info.width <= width
  }

  private static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().standardizedFileURL.path
  }

  private static func contains(_ outer: String, _ inner: String) -> Bool {
    let outer = resolved(outer)
    return resolved(inner).hasPrefix(outer.hasSuffix("/") ? outer : outer + "/")
  }
}
