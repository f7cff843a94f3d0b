// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Says whether a long call may continue. It may not if its task was cancelled, or if it has taken longer than allowed.
///
/// A deadline is made once per call. Operations on pixels ask it through a ``WorkPace``, codecs in C through
/// ``withCodecWatch(_:)``. Outside of a task, nothing is ever cancelled.
struct WorkDeadline {
  private static let clock = ContinuousClock()

  /// For tests: called before every answer of the deadlines that are made while it is set. Read once per
  /// deadline.
  @TaskLocal static var questionHook: (@Sendable () -> Void)?

  /// For tests: the clock of the deadlines that are made while it is set. Read once per deadline.
  @TaskLocal static var clockHook: (@Sendable () -> ContinuousClock.Instant)?

  private let start: ContinuousClock.Instant
  private let time: (@Sendable () -> ContinuousClock.Instant)?
  private let wallTime: Duration?
  private let hook: (@Sendable () -> Void)?
  /// The format of the picture that is decoded, if it is known. Errors name it.
  let format: PictureFormat?

  /// If `wallTime` is nil, only cancellation is checked. `spent` is the time that earlier calls for the same work took.
  init(wallTime: Duration? = nil, format: PictureFormat? = nil, spent: Duration = .zero) {
    self.wallTime = wallTime
    self.format = format
    time = Self.clockHook
    start = (time?() ?? Self.clock.now).advanced(by: .zero - spent)
    hook = Self.questionHook
  }

  private var now: ContinuousClock.Instant { time?() ?? Self.clock.now }

  /// The time that the work has taken so far, including what was spent before.
  var elapsed: Duration { start.duration(to: now) }

  /// Rows between two questions. A question takes about 30 ns, and a row of pixels takes more.
  private static var interval: Int { 16 }

  /// For operations whose rows cost little, called for every row. Asks at the first row and then at every sixteenth.
  func check(row: Int) throws(BitmapError) {
    if row % Self.interval == 0 { try check() }
  }

  func check() throws(BitmapError) {
    switch answer {
    case CIMAGE_CANCELLED: throw .cancelled(format: format)
    case CIMAGE_TIME_LIMIT: throw outOfTime(format: format)
    default: return
    }
  }

  /// The limit's name in the error if the time is over.
  static let limitName = "wallTime"

  /// The error if the time is over. It says how long the work had taken by then.
  func outOfTime(format: PictureFormat?) -> BitmapError {
    let (needed, _) = elapsed.wholeMilliseconds.addingReportingOverflow(1)
    return BitmapError(
      exceeding: .init(
        name: Self.limitName, needed: needed, allowed: (wallTime ?? .zero).wholeMilliseconds, unit: "milliseconds"),
      format: format, subject: format.map { "decoding this \($0)" } ?? "this work", purpose: " or more")
  }

  fileprivate var answer: cimage_status {
    hook?()
    if Task.isCancelled { return CIMAGE_CANCELLED }
    if let wallTime, elapsed > wallTime { return CIMAGE_TIME_LIMIT }
    return CIMAGE_OK
  }

  /// Calls `body` with the deadline in the form that C code asks. It is valid until `body` returns.
  func withCodecWatch<R>(_ body: (cimage_watch) throws(BitmapError) -> R) throws(BitmapError) -> R {
    var copy = self
    let result: Result<R, BitmapError> = unsafe withUnsafeMutablePointer(to: &copy) { pointer in
      let watch = unsafe cimage_watch(
        ask: { context in
          // SAFETY: the context is the copy above, which lives until `body` has returned.
          guard let deadline = unsafe context?.assumingMemoryBound(to: WorkDeadline.self) else { return CIMAGE_OK }
          return unsafe deadline.pointee.answer
        }, context: pointer)
      do throws(BitmapError) {
        return .success(try unsafe body(watch))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}

extension BitmapError {
  static func cancelled(format: PictureFormat?) -> BitmapError {
    BitmapError(
      .cancelled, "the task was cancelled before the picture was done. Nothing of it is left.", format: format)
  }
}
