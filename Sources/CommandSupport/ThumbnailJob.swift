// SPDX-License-Identifier: Apache-2.0

import CommandOutput
package import Bitmaps
import Foundation
package import NativeBuffers
import Synchronization
import SystemPackage

/// Makes thumbnails, on one or several threads: reads pictures, writes thumbnails, reports what goes wrong, and counts.
///
/// Memory is bounded, whatever the folders contain: each thread works on one picture at a time, whose size the decoding
/// limits bound, and the walk keeps only the names in the current folders.
package final class ThumbnailJob: Sendable {
  package struct Options: Sendable {
    /// In pixels. Narrower pictures keep their size.
    package var width = 256
    /// Of the JPEGs, 1 to 100.
    package var quality = 85
    /// Whether a picture with warnings is refused.
    package var isStrict = false
    /// Whether thumbnails of an earlier run are kept if they are what this run would make.
    package var keepsUpToDate = false
    /// Whether failures are kept for a report. Their number is that of the files, so this takes memory.
    package var keepsFailures = false
    /// Nil for the shared arena.
    package var arena: Arena?

    package init() {}
  }

  package struct Counts: Sendable {
    package var made = 0
    package var upToDate = 0
    package var failed = 0
  }

  private struct State {
    var walk: PictureWalk?
    var progress: ProgressLine
    /// The number of pictures that were begun.
    var started = 0
    var counts = Counts()
    var failures: [BatchFailure] = []

    mutating func start(_ name: String) {
      started += 1
      progress.show(started, name)
    }

    /// Prints a line on standard error.
    func say(_ line: String) {
      progress.clear()
      StandardError.write(line + "\n")
    }
  }

  private let tree: OutputTree
  private let options: Options
  private let state: Mutex<State>

  /// - Parameter total: The number of thumbnails that ``make(_:_:)`` will make, for the progress line.
  package init(tree: OutputTree, options: Options, total: Int = 0) {
    self.tree = tree
    self.options = options
    state = Mutex(State(progress: ProgressLine(total: total)))
  }

  package var counts: Counts { state.withLock { $0.counts } }

  /// Empty unless they are kept.
  package var failures: [BatchFailure] { state.withLock { $0.failures } }

  /// Makes the thumbnails of all pictures in the inputs, until the end or an interruption.
  package func run(_ inputs: [String], threadCount: Int) {
    let walk = PictureWalk(inputs, output: tree.identity)
    let progress = ProgressLine(total: StandardError.isTerminal ? Self.fileCount(walk) : 0)
    state.withLock { state in
      state.walk = walk
      state.progress = progress
    }
    let workers = DispatchGroup()
    for _ in 1..<threadCount {
      workers.enter()
      Thread {
        self.work()
        workers.leave()
      }.start()
    }
    work()
    workers.wait()
    progress.clear()
  }

  /// Makes one thumbnail from a picture that is not in a file.
  ///
  /// - Parameters:
  ///   - name: The thumbnail's name in the output folder. Messages call the picture by it, too.
  ///   - thumbnail: Makes the thumbnail, which is disposed here.
  package func make(_ name: String, _ thumbnail: () throws -> Bitmap) {
    state.withLock { $0.start(name) }
    attempt(name, path: nil) {
      try put(thumbnail(), of: name, at: tree.folder.appending(name))
      return true
    }
    state.withLock { $0.progress.clear() }
  }

  /// Walks once more before the work, so that progress can show the total.
  private static func fileCount(_ walk: PictureWalk) -> Int {
    var (walk, count) = (walk, 0)
    while let step = walk.next(), Interruption.current == 0 {
      if case .file = step { count += 1 }
    }
    return count
  }

  private func work() {
    while Interruption.current == 0, let file = nextFile() {
      attempt(file.path.printable, path: file.path.exactText) { try makeThumbnail(of: file) }
    }
  }

  private func nextFile() -> PictureWalk.File? {
    while let step = state.withLock({ $0.walk?.next() }) {
      switch step {
      case .failure(let failure): fail(failure)
      case .file(let file):
        state.withLock { $0.start(file.relativePath) }
        return file
      }
    }
    return nil
  }

  /// Makes the thumbnail of a file. Returns false if it was up to date already.
  private func makeThumbnail(of file: PictureWalk.File) throws -> Bool {
    let (width, arena) = (options.width, options.arena)
    let target = try tree.target(for: file)
    if options.keepsUpToDate, tree.isUpToDate(target, of: file, width: width, arena: arena) { return false }
    guard FileIdentity(target) != FileIdentity(file.path) || FileIdentity(file.path) == nil else {
      throw BatchError("its thumbnail would replace the picture itself. Name another --output.")
    }
    let thumbnail = try file.path.withOpenablePath { path in
      try Bitmap(thumbnailOfFileAt: path, width: width, arena: arena)
    }
    try put(thumbnail, of: file.path.printable, at: target)
    return true
  }

  /// Writes a thumbnail, prints its warnings, and disposes it.
  private func put(_ thumbnail: Bitmap, of name: String, at target: FilePath) throws {
    defer { thumbnail.dispose() }
    let warnings = thumbnail.decodingWarnings
    // `DecodingLimits.isStrict` is not used here: its error gives advice for programs, and names one of several
    // warnings.
    if options.isStrict, !warnings.isEmpty { throw BatchError(strictlyRefusedFor: warnings.map(\.reason)) }
    try tree.write(thumbnail, to: target, quality: options.quality, arena: options.arena)
    for warning in warnings {
      state.withLock { $0.say("\(name): warning: \(FilePath.printable(warning.reason))") }
    }
  }

  /// Calls `work`, counts its result, and reports its error. `work` returns false if there was nothing to do.
  private func attempt(_ name: String, path: String?, _ work: () throws -> Bool) {
    do {
      let isMade = try work()
      state.withLock { state in
        if isMade { state.counts.made += 1 } else { state.counts.upToDate += 1 }
      }
    } catch {
      fail(BatchFailure(path: name, reason: Self.reason(error, for: path)))
    }
  }

  private func fail(_ failure: BatchFailure) {
    let failure = BatchFailure(path: failure.path, reason: FilePath.printable(failure.reason))
    state.withLock { state in
      state.counts.failed += 1
      if options.keepsFailures { state.failures.append(failure) }
      state.say("\(failure.path): \(failure.reason)")
    }
  }

  /// The text of an error: only the reason if it is about this file, with the path if it is about another file.
  private static func reason(_ error: any Error, for path: String?) -> String {
    guard let error = error as? BitmapError, error.path == nil || path == nil || error.path == path else {
      return "\(error)"
    }
    return error.reason
  }
}
