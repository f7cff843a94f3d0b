import CImageCodecs

/// What a long call asks, every so many rows, whether it may go on: not where its task was cancelled, and not where it
/// has taken longer than allowed.
///
/// Made once per call. Operations on pixels ask with ``check(row:)``; codecs in C ask through ``withCodecWatch(_:)``.
/// Outside of a task nothing is ever cancelled.
struct WorkWatch {
  private static let clock = ContinuousClock()

  /// For tests: called before every answer of the watches that are made meanwhile. Looked up once per call of a function.
  @TaskLocal static var questionHook: (@Sendable () -> Void)?

  private let start: ContinuousClock.Instant
  private let wallTime: Duration?
  private let hook: (@Sendable () -> Void)?

  /// Nil: cancellation only.
  init(wallTime: Duration? = nil) {
    self.wallTime = wallTime
    start = Self.clock.now
    hook = Self.questionHook
  }

  /// Rows between two questions: a question takes some 30 ns, a row of pixels more than that.
  private static let interval = 16

  /// To be called for every row; asks at the first and then at every sixteenth.
  func check(row: Int) throws(BitmapError) {
    if row % Self.interval == 0 { try check() }
  }

  func check() throws(BitmapError) {
    switch answer {
    case CIMAGE_CANCELLED: throw .cancelled(format: nil)
    case CIMAGE_TIME_LIMIT: throw outOfTime(format: nil)
    default: return
    }
  }

  /// The error where the time is up; it says how long the work had taken by then.
  func outOfTime(format: PictureFormat?) -> BitmapError {
    let (needed, _) = start.duration(to: Self.clock.now).wholeMilliseconds.addingReportingOverflow(1)
    return BitmapError(
      exceeding: .init(
        name: "wallTime", needed: needed, allowed: (wallTime ?? .zero).wholeMilliseconds, unit: "milliseconds"),
      format: format, subject: format.map { "decoding this \($0)" } ?? "this work", purpose: " or more")
  }

  fileprivate var answer: cimage_status {
    hook?()
    if Task.isCancelled { return CIMAGE_CANCELLED }
    if let wallTime, start.duration(to: Self.clock.now) > wallTime { return CIMAGE_TIME_LIMIT }
    return CIMAGE_OK
  }

  /// Calls `body` with the watch as C asks it, valid until `body` returns.
  func withCodecWatch<R>(_ body: (cimage_watch) throws(BitmapError) -> R) throws(BitmapError) -> R {
    var copy = self
    let result: Result<R, BitmapError> = unsafe withUnsafeMutablePointer(to: &copy) { pointer in
      let watch = unsafe cimage_watch(
        ask: { context in
          // SAFETY: the context is the copy above, which lives until `body` has returned.
          guard let watch = unsafe context?.assumingMemoryBound(to: WorkWatch.self) else { return CIMAGE_OK }
          return unsafe watch.pointee.answer
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

extension Duration {
  /// Rounded down; saturates.
  fileprivate var wholeMilliseconds: Int {
    let (seconds, attoseconds) = components
    let (product, overflow) = Int(clamping: seconds).multipliedReportingOverflow(by: 1000)
    return overflow ? (seconds < 0 ? .min : .max) : product + Int(attoseconds / 1_000_000_000_000_000)
  }
}
