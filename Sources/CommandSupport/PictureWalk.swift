// SPDX-License-Identifier: Apache-2.0

import Glibc
import SystemPackage

internal import Bitmaps

/// The files below some folders, one after the other, in a fixed order.
///
/// To the kernel, names are bytes and not text: they are kept as they are. Links to folders are not followed, so there
/// are no cycles, and only regular files are opened. Memory holds only the names in the folders above the current file.
struct PictureWalk {
  struct File: Sendable {
    let path: FilePath
    /// The index of the named path by which the file was found.
    let root: Int
    /// The path below the folder that was named; the file's own name if the file was named.
    let relative: FilePath

    /// The relative path for messages.
    var relativePath: String { relative.printable }
  }

  enum Step {
    case file(File)
    case failure(BatchFailure)
  }

  /// A folder that is being walked.
  private struct Frame {
    let folder: FilePath
    /// The folder's path below the folder that was named; empty if it is that folder.
    let relative: FilePath
    let names: [FilePath.Component]
    /// Whether it is the folder for thumbnails, or lies below it.
    let isForThumbnails: Bool
    var next = 0
  }

  private let roots: [FilePath]
  private let output: FileIdentity?
  private var nextRoot = 0
  private var frames: [Frame] = []

  /// - Parameter output: The folder for thumbnails. If it lies below another folder, thumbnails in it are left out, and
  ///   pictures in it are failures.
  init(_ paths: [String], output: FileIdentity?) {
    roots = paths.map { FilePath($0) }
    self.output = output
  }

  /// The next file, or a failure if something could not be read; nil at the end.
  mutating func next() -> Step? {
    while !frames.isEmpty || nextRoot < roots.count {
      if let step = frames.isEmpty ? stepToRoot() : stepInFolder() { return step }
    }
    return nil
  }

  private mutating func stepToRoot() -> Step? {
    let path = roots[nextRoot]
    nextRoot += 1
    do {
      switch try path.kind(followingLinks: true) {
      case .folder: return enter(path, relative: FilePath(), isForThumbnails: false)
      case .file:
        let name = FilePath(root: nil, path.components.suffix(1))
        return .file(File(path: path, root: nextRoot - 1, relative: name))
      case let other: return failure(of: path, whichIs: other)
      }
    } catch {
      return failure(of: path, "cannot be read: \(fileRefusal(error.rawValue))")
    }
  }

  private mutating func stepInFolder() -> Step? {
    let frame = frames[frames.count - 1]
    guard frame.next < frame.names.count else {
      frames.removeLast()
      return nil
    }
    let name = frame.names[frame.next]
    frames[frames.count - 1].next += 1
    let path = frame.folder.appending(name)
    let file = File(path: path, root: nextRoot - 1, relative: frame.relative.appending(name))
    do {
      let kind = try path.kind(followingLinks: false)
      if kind == .folder {
        let isForThumbnails = frame.isForThumbnails || output != nil && FileIdentity(path) == output
        return enter(path, relative: file.relative, isForThumbnails: isForThumbnails)
      }
      let target = kind == .link ? try path.kind(followingLinks: true) : kind
      if frame.isForThumbnails { return target == .file ? failureOfPicture(amongThumbnails: path) : nil }
      switch target {
      case .file: return .file(file)
      case .folder: return nil
      case let other: return failure(of: path, whichIs: other)
      }
    } catch {
      return failure(of: path, "cannot be read: \(fileRefusal(error.rawValue))")
    }
  }

  private mutating func enter(_ folder: FilePath, relative: FilePath, isForThumbnails: Bool) -> Step? {
    do {
      frames.append(
        Frame(folder: folder, relative: relative, names: try folder.names(), isForThumbnails: isForThumbnails))
      return nil
    } catch {
      return failure(of: folder, "the folder cannot be read: \(fileRefusal(error.rawValue))")
    }
  }

  /// The failure for a file in the folder for thumbnails; nil if it is a thumbnail, or no picture.
  ///
  /// No thumbnail is made of such a picture, because pictures and thumbnails must not lie in the same folder.
  private func failureOfPicture(amongThumbnails path: FilePath) -> Step? {
    guard !ThumbnailMark.isMarked(path), path.mayBePicture else { return nil }
    return failure(
      of: path,
      "lies in the folder for thumbnails, and this program did not make it. Move it away, or name another --output.")
  }

  private func failure(of path: FilePath, whichIs kind: FileKind) -> Step {
    failure(of: path, "is \(kind.name), which is no picture file")
  }

  private func failure(of path: FilePath, _ reason: String) -> Step {
    .failure(BatchFailure(path: path.printable, reason: reason))
  }
}
