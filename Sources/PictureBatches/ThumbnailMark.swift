import NativeSynchronization

internal import Glibc

/// How a file that these commands wrote is told from any other: by a comment in the JPEG's header.
///
/// Only files that carry it are ever replaced, whatever their width is, and whatever became of the rest of them.
package enum ThumbnailMark {
  /// Right behind the JFIF header, so that it survives where the file is cut short.
  package static let comment = "Thumbnail made by native-buffers; may be replaced by it"

  /// Whether there is a file that must stay: any that does not carry the mark. An empty one, too: these commands write
  /// files whole or not at all, so none is theirs.
  /// - Throws: where there can be no file of that path.
  package static func isForeign(_ path: FilePath) throws(BatchError) -> Bool {
    switch path.kind(followingLinks: false) {
    case .unknown(ENOENT): return false
    case .file: return !isMarked(path)
    case .unknown(let code):
      throw BatchError("its thumbnail cannot be put at \(path.text): \(systemMessage(code)). Name another --output.")
    default: return true
    }
  }

  package static func isMarked(_ path: FilePath) -> Bool {
    path.withDescriptor { descriptor in
      hasMark(read(descriptor, count: 256, at: 0))
    } ?? false
  }

  /// Whether the file carries the mark and ends as a JPEG does. Pixels of a JPEG never look like its end, so one that
  /// was cut short does not.
  package static func isMarkedAndWhole(_ path: FilePath) -> Bool {
    guard let size = path.status()?.st_size, size > 2, isMarked(path) else { return false }
    return path.withDescriptor { descriptor in
      read(descriptor, count: 2, at: size - 2) == [0xFF, 0xD9]
    } ?? false
  }

  /// Goes along the segments at the start of a JPEG.
  static func hasMark(_ bytes: [UInt8]) -> Bool {
    guard bytes.starts(with: [0xFF, 0xD8]) else { return false }
    var position = 2
    while position + 4 <= bytes.count, bytes[position] == 0xFF {
      let end = position + 2 + Int(bytes[position + 2]) << 8 + Int(bytes[position + 3])
      guard end > position + 3, end <= bytes.count else { return false }
      if bytes[position + 1] == 0xFE, bytes[position + 4..<end].elementsEqual(comment.utf8) { return true }
      position = end
    }
    return false
  }

  private static func read(_ descriptor: Int32, count: Int, at offset: off_t) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
      initializedCount = unsafe max(0, pread(descriptor, buffer.baseAddress, count, offset))
    }
  }
}
