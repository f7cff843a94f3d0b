// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

internal import Bitmaps

/// A comment in a JPEG's header that tells a file written by these commands from any other file.
///
/// The mark's text is the comment. It is right behind the JFIF header, so that it survives if the file is cut short.
/// Only files that carry the mark are ever replaced, whatever their width is, and even if the rest of the file is
/// damaged.
enum ThumbnailMark: String, CaseIterable {
  case ordinary = "Thumbnail made by native-buffers; may be replaced by it"
  /// The mark of a picture that was decoded with warnings. Its thumbnail is made again in each run, so that each run
  /// warns.
  case ofWarned = "Thumbnail made by native-buffers, with warnings; may be replaced by it"

  init(hasWarnings: Bool) { self = hasWarnings ? .ofWarned : .ordinary }

  /// Whether there is a file that must stay: any file without the mark. That includes an empty file, because these
  /// commands write files whole or not at all.
  /// - Throws: ``BatchError`` if there can be no file at that path.
  static func isForeign(_ path: FilePath) throws(BatchError) -> Bool {
    do {
      return try path.kind(followingLinks: false) != .file || !isMarked(path)
    } catch .noSuchFileOrDirectory {
      return false
    } catch {
      throw BatchError(cannotPutThumbnailAt: path, error)
    }
  }

  static func isMarked(_ path: FilePath) -> Bool { mark(of: path) != nil }

  /// Whether the file carries the ordinary mark and ends as a JPEG does. The end marker never occurs in a JPEG's
  /// pixels, so a file that was cut short does not end with it.
  static func isOrdinaryAndWhole(_ path: FilePath) -> Bool {
    guard let size = path.status()?.st_size, size > 2, mark(of: path) == .ordinary else { return false }
    return path.bytes(count: 2, at: size - 2) == [0xFF, 0xD9]
  }

  private static func mark(of path: FilePath) -> ThumbnailMark? {
    path.bytes(count: 256, at: 0).flatMap { mark(in: $0) }
  }

  /// Looks for the mark in the segments at the start of a JPEG.
  private static func mark(in bytes: [UInt8]) -> ThumbnailMark? {
    guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
    var position = 2
    while position + 4 <= bytes.count, bytes[position] == 0xFF {
      let end = position + 2 + Int(bytes[position + 2]) << 8 + Int(bytes[position + 3])
      guard end > position + 3, end <= bytes.count else { return nil }
      if bytes[position + 1] == 0xFE,
        let mark = allCases.first(where: { bytes[position + 4..<end].elementsEqual($0.rawValue.utf8) })
      {
        return mark
      }
      position = end
    }
    return nil
  }
}
