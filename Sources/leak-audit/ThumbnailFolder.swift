import Bitmaps
import Foundation
import PictureBatches

/// Where thumbnails go: a folder that the user named, or a temporary one that is removed at the end.
struct ThumbnailFolder {
  let path: String
  let isTemporary: Bool

  init(_ output: String?) throws(BatchError) {
    isTemporary = output == nil
    path =
      output ?? (NSTemporaryDirectory() as NSString).appendingPathComponent("leak-audit-\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw BatchError(
        "the folder for thumbnails, \(path), cannot be made: \(error.localizedDescription) "
          + "Name another one with --output.")
    }
  }

  /// Writes a thumbnail, and the folders that its name asks for. Replaces an earlier run's thumbnail, and
  /// nothing else: neither a picture that was read, nor a file that is no thumbnail.
  func write(_ thumbnail: Bitmap, to name: String, sparing inputs: Set<FileIdentity>) throws {
    let file = (path as NSString).appendingPathComponent(name)
    if let existing = FileIdentity(FilePath(file)) {
      guard !inputs.contains(existing), Self.isThumbnail(file) else {
        throw BatchError(
          "its thumbnail would replace \(file), which is no thumbnail and stays. Name another folder "
            + "with --output.")
      }
    }
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try thumbnail.writeJPEG(toFileAt: file)
  }

  private static func isThumbnail(_ path: String) -> Bool {
    guard let info = try? PictureInfo(probingFileAt: path) else { return false }
    return info.format == .jpeg && info.width <= DemoRun.thumbnailWidth
  }

  func removeIfTemporary() {
    if isTemporary { try? FileManager.default.removeItem(atPath: path) }
  }
}

/// Names for thumbnails: the picture's, ending in `.jpg`; with its whole old name where that is taken.
struct ThumbnailNames {
  private var taken: Set<String> = []

  mutating func name(for relativePath: String) -> String {
    var name = (relativePath as NSString).deletingPathExtension + ".jpg"
    if taken.contains(name) { name = relativePath + ".jpg" }
    var number = 2
    while !taken.insert(name).inserted {
      name = relativePath + ".\(number).jpg"
      number += 1
    }
    return name
  }
}
