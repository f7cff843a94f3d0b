import CImageCodecs

/// What a long call asks, every so often, whether it may go on: not where its task was cancelled, and not where it
/// has taken longer than allowed.
///
/// Made once per call. Operations on pixels ask by way of a ``WorkPace``; codecs in C through ``withCodecWatch(_:)``.
/// Outside of a task nothing is ever cancelled.
struct WorkWatch {
  private static let clock = ContinuousClock()

  /// For tests: called before every answer of the watches that are made meanwhile. Looked up once per call of a function.
  @TaskLocal static var questionHook: (@Sendable () -> Void)?

  /// For tests: the clock of the watches that are made meanwhile. Looked up once per call of a function.
  @TaskLocal static var clockHook: (@Sendable () -> ContinuousClock.Instant)?

  private let start: ContinuousClock.Instant
  private let time: (@Sendable () -> ContinuousClock.Instant)?
  private let wallTime: Duration?
  private let hook: (@Sendable () -> Void)?
  /// Of the picture that is decoded, as soon as it is known: for errors.
  var format: PictureFormat?

  /// Nil: cancellation only. `spent` is the time that earlier calls for the same work took.
  init(wallTime: Duration? = nil, format: PictureFormat? = nil, spent: Duration = .zero) {
    self.wallTime = wallTime
    self.format = format
    time = Self.clockHook
    start = (time?() ?? Self.clock.now).advanced(by: .zero - spent)
    hook = Self.questionHook
  }

  private var now: ContinuousClock.Instant { time?() ?? Self.clock.now }

  /// The time the work has taken so far, with what was spent before.
  var elapsed: Duration { start.duration(to: now) }

  /// Rows between two questions: a question takes some 30 ns, a row of pixels more than that.
  private static var interval: Int { 16 }

  /// For operations whose rows cost little, called for every row: asks at the first and then at every sixteenth.
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

  /// The error where the time is up; it says how long the work had taken by then.
  func outOfTime(format: PictureFormat?) -> BitmapError {
    let (needed, _) = elapsed.wholeMilliseconds.addingReportingOverflow(1)
    return BitmapError(
      exceeding: .init(
        name: "wallTime", needed: needed, allowed: (wallTime ?? .zero).wholeMilliseconds, unit: "milliseconds"),
      format: format, subject: format.map { "decoding this \($0)" } ?? "this work", purpose: " or more")
  }

  fileprivate var answer: cimage_status {
    hook?()
    if Task.isCancelled { return CIMAGE_CANCELLED }
    if let wallTime, elapsed > wallTime { return CIMAGE_TIME_LIMIT }
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

/// Asks a watch after so much work, however many rows that is, or how small a part of one.
struct WorkPace {
  /// Work between two questions: about a millisecond of the kernels' loops, beside which a question is nothing. Tests
  /// lower it, so that small pictures ask many times. Looked up once per call of a function.
  @TaskLocal static var interval = 1 << 22

  private let watch: WorkWatch
  private let interval = WorkPace.interval
  private var left = 0

  init(_ watch: WorkWatch) { self.watch = watch }

  /// To be called before the work; asks at the first call, and then whenever there was enough of it.
  ///
  /// - Parameter work: Numbers that are read, as multiplied and added: pixels times channels times taps.
  mutating func spend(_ work: Int) throws(BitmapError) {
    left -= work
    guard left < 0 else { return }
    left = interval
    try watch.check()
  }

  /// How many elements make the work between two questions, where each costs `work`: a multiple of `step`.
  func elementCount(costing work: Int, step: Int) -> Int {
    max(step, interval / max(work, 1) / step * step)
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
    // A second less than what the milliseconds can hold, and far less than what `components` can.
    let limit = Duration.seconds(Int.max / 1_000 - 1)
    guard self < limit else { return .max }
    guard self > .zero - limit else { return .min }
    let (seconds, attoseconds) = components
    return Int(seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000)
  }
}
