// SPDX-License-Identifier: Apache-2.0

import Bitmaps
import CommandSupport
import Foundation
import LeakAuditing
import NativeBuffers
import Synchronization

/// The work: threads that take one picture after the other from a walk over the inputs.
///
/// Memory is bounded, whatever the folders contain: each job works on one picture at a time, whose size the decoding
/// limits bound, and the walk keeps only the names in the current folders.
final class ThumbnailBatch: Sendable {
  struct Counts {
    var made = 0
    var upToDate = 0
    var failed = 0
    /// The number of files taken from the walk.
    var started = 0
  }

  private struct State {
    var walk: PictureWalk
    var counts = Counts()
  }

  private let state: Mutex<State>
  private let tree: OutputTree
  private let width: Int
  private let quality: Int
  private let jobs: Int
  private let isStrict: Bool
  private let arena: Arena
  private let progress: ProgressLine

  init(inputs: [String], tree: OutputTree, width: Int, quality: Int, jobs: Int, isStrict: Bool) throws {
    let walk = PictureWalk(inputs, excluding: tree.identity)
    state = Mutex(State(walk: walk))
    self.tree = tree
    self.width = width
    self.quality = quality
    self.jobs = jobs
    self.isStrict = isStrict
    // Blocks as large as whole files are not used again, and libjpeg takes far more memory than they do. So little
    // memory is kept, and the rest goes back to the kernel at once.
    arena = try Arena(name: "thumbnails", configuration: .init(dirtyDecay: .zero, idleByteLimit: jobs * 2 << 20))
    progress = ProgressLine(total: StandardError.isTerminal ? Self.count(walk) : 0)
  }

  /// Walks once more before the work, so that progress can show the total.
  private static func count(_ walk: PictureWalk) -> Int {
    var (walk, count) = (walk, 0)
    while let step = walk.next(), Interruption.current == 0 {
      if case .file = step { count += 1 }
    }
    return count
  }

  func run() throws -> BatchSummary {
    let start = ProcessUsage.now()
    let workers = DispatchGroup()
    for _ in 1..<jobs {
      workers.enter()
      Thread {
        self.work()
        workers.leave()
      }.start()
    }
    work()
    workers.wait()
    progress.clear()
    let usage = ProcessUsage.now().since(start)
    return BatchSummary(counts: state.withLock { $0.counts }, usage: usage, audit: try LeakAuditor.audit())
  }

  private func work() {
    while Interruption.current == 0, let file = nextFile() {
      do {
        let isMade = try makeThumbnail(of: file)
        state.withLock { state in
          if isMade { state.counts.made += 1 } else { state.counts.upToDate += 1 }
        }
      } catch {
        fail(BatchFailure(path: file.path.text, reason: Self.reason(error, for: file.path.exactText)))
      }
    }
  }

  private func nextFile() -> PictureWalk.File? {
    while let step = state.withLock({ state in state.walk.next() }) {
      switch step {
      case .failure(let failure): fail(failure)
      case .file(let file):
        let started = state.withLock { state in
          state.counts.started += 1
          return state.counts.started
        }
        progress.show(started, file.relativePath)
        return file
      }
    }
    return nil
  }

  private func fail(_ failure: BatchFailure) {
    state.withLock { state in
      state.counts.failed += 1
      progress.clear()
      StandardError.write("\(failure.path): \(FilePath.printable(failure.reason))\n")
    }
  }

  /// Prints a warning about a picture whose thumbnail was made.
  private func warn(_ path: String, _ warning: PictureWarning) {
    state.withLock { _ in
      progress.clear()
      StandardError.write("\(path): warning: \(FilePath.printable(warning.reason))\n")
    }
  }

  /// Makes the thumbnail of a file. Returns false if it was up to date already.
  private func makeThumbnail(of file: PictureWalk.File) throws -> Bool {
    let target = try tree.target(for: file)
    if tree.isUpToDate(target, of: file, width: width, arena: arena) { return false }
    guard FileIdentity(FilePath(target)) != FileIdentity(file.path) || FileIdentity(file.path) == nil else {
      throw BatchError("its thumbnail would replace the picture itself. Name another --output.")
    }
    let thumbnail = try Bitmap(
      thumbnailOfFileAt: file.path.exactText ?? file.path.text, width: width, arena: arena)
    defer { thumbnail.dispose() }
    let warnings = thumbnail.decodingWarnings
    // `DecodingLimits.isStrict` is not used here: its error gives advice for programs, and names one of several
    // warnings.
    if isStrict, !warnings.isEmpty { throw BatchError(strictlyRefusedFor: warnings.map(\.reason)) }
    try tree.write(thumbnail, to: target, quality: quality, arena: arena)
    for warning in warnings { warn(file.path.text, warning) }
    return true
  }

  /// The text of an error: only the reason if it is about this file, with the path if it is about another file.
  private static func reason(_ error: any Error, for path: String?) -> String {
    guard let error = error as? BitmapError, error.path == nil || path == nil || error.path == path else {
      return "\(error)"
    }
    return error.reason
  }
}
