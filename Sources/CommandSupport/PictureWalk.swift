// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import SystemPackage

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
    var next = 0
  }

  private let roots: [FilePath]
  private let excluded: FileIdentity?
  private var nextRoot = 0
  private var frames: [Frame] = []

  /// - Parameter excluded: a folder for results, which is not walked if it lies below another folder.
  init(_ paths: [String], excluding excluded: FileIdentity?) {
    roots = paths.map { FilePath($0) }
    self.excluded = excluded
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
    switch path.kind(followingLinks: true) {
    case .folder: return enter(path, relative: FilePath())
    case .file:
      let name = FilePath(root: nil, path.components.suffix(1))
      return .file(File(path: path, root: nextRoot - 1, relative: name))
    case .other(let what): return fail(path, "is \(what), which is no picture file")
    case .unknown(let code): return fail(path, "cannot be read: \(systemMessage(code))")
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
    switch path.kind(followingLinks: false) {
    case .folder: return excluded == nil || FileIdentity(path) != excluded ? enter(path, relative: file.relative) : nil
    case .file: return .file(file)
    case .other("a link"):
      switch path.kind(followingLinks: true) {
      case .file: return .file(file)
      case .folder: return nil
      case .other(let what): return fail(path, "is \(what), which is no picture file")
      case .unknown(let code): return fail(path, "is a link that leads nowhere: \(systemMessage(code))")
      }
    case .other(let what): return fail(path, "is \(what), which is no picture file")
    case .unknown(let code): return fail(path, "cannot be read: \(systemMessage(code))")
    }
  }

  private mutating func enter(_ folder: FilePath, relative: FilePath) -> Step? {
    guard let names = folder.names() else { return fail(folder, "unreadable folder: \(systemMessage(errno))") }
    frames.append(Frame(folder: folder, relative: relative, names: names))
    return nil
  }

  private func fail(_ path: FilePath, _ reason: String) -> Step {
    .failure(BatchFailure(path: path.printable, reason: reason))
  }
}
