// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization

internal import Glibc

/// The files below some folders, one after the other, in a fixed order.
///
/// To the kernel, names are bytes and not text: they are kept as they are. Links to folders are not followed, so there
/// are no cycles, and only regular files are opened. Memory holds only the names in the folders above the current file.
package struct PictureWalk {
  package struct File: Sendable {
    package let path: FilePath
    /// The index of the named path by which the file was found.
    package let root: Int
    /// Whether the file lies in a folder that was named; if not, the file itself was named.
    package let isBelowRoot: Bool
    /// The path below the folder that was named; the file's own name if the file was named.
    package let relative: FilePath

    /// The relative path for messages.
    package var relativePath: String { relative.text }
  }

  package enum Step {
    case file(File)
    case failure(BatchFailure)
  }

  /// A folder that is being walked.
  private struct Frame {
    let folder: FilePath
    let prefix: [UInt8]
    let names: [[UInt8]]
    var next = 0
  }

  private let roots: [FilePath]
  private let excluded: FileIdentity?
  private var nextRoot = 0
  private var frames: [Frame] = []

  /// - Parameter excluded: a folder for results, which is not walked if it lies below another folder.
  package init(_ paths: [String], excluding excluded: FileIdentity?) {
    roots = paths.map { FilePath($0) }
    self.excluded = excluded
  }

  /// The next file, or a failure if something could not be read; nil at the end.
  package mutating func next() -> Step? {
    while !frames.isEmpty || nextRoot < roots.count {
      if let step = frames.isEmpty ? stepToRoot() : stepInFolder() { return step }
    }
    return nil
  }

  private mutating func stepToRoot() -> Step? {
    let path = roots[nextRoot]
    nextRoot += 1
    switch path.kind(followingLinks: true) {
    case .folder: return enter(path, below: [])
    case .file:
      return .file(File(path: path, root: nextRoot - 1, isBelowRoot: false, relative: path.lastComponent))
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
    let relative = frame.prefix.isEmpty ? name : frame.prefix + [UInt8(ascii: "/")] + name
    let file = File(path: path, root: nextRoot - 1, isBelowRoot: true, relative: FilePath(relative))
    switch path.kind(followingLinks: false) {
    case .folder: return excluded == nil || FileIdentity(path) != excluded ? enter(path, below: relative) : nil
    case .file: return .file(file)
    case .other("a link"):
      switch path.kind(followingLinks: true) {
      case .file: return .file(file)
      case .folder: return nil
      case .other(let what): return fail(path, "is \(what), which is no picture file")
      case .unknown(let code): return fail(path, "a link that leads nowhere: \(systemMessage(code))")
      }
    case .other(let what): return fail(path, "is \(what), which is no picture file")
    case .unknown(let code): return fail(path, "cannot be read: \(systemMessage(code))")
    }
  }

  private mutating func enter(_ folder: FilePath, below prefix: [UInt8]) -> Step? {
    guard let names = folder.names() else { return fail(folder, "unreadable folder: \(systemMessage(errno))") }
    frames.append(Frame(folder: folder, prefix: prefix, names: names))
    return nil
  }

  private func fail(_ path: FilePath, _ reason: String) -> Step {
    .failure(BatchFailure(path: path.text, reason: reason))
  }
}

extension PictureWalk {
  /// Walks to the end and keeps all files and failures in memory.
  package mutating func all() -> (files: [File], failures: [BatchFailure]) {
    var files: [File] = []
    var failures: [BatchFailure] = []
    while let step = next() {
      switch step {
      case .file(let file): files.append(file)
      case .failure(let failure): failures.append(failure)
      }
    }
    return (files, failures)
  }
}
