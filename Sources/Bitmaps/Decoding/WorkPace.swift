// SPDX-License-Identifier: Apache-2.0

/// Asks a deadline after a certain amount of work, whether that is many rows or only a part of a row.
struct WorkPace {
  /// The work between two questions: about a millisecond of the kernels' loops, so that the cost of a question does not
  /// matter. Tests lower it, so that small pictures ask many times. Read once per pace.
  @TaskLocal static var interval = 1 << 22

  private let deadline: WorkDeadline
  private let interval = WorkPace.interval
  private var left = 0

  init(_ deadline: WorkDeadline) { self.deadline = deadline }

  /// Call this before the work. It asks the deadline at the first call, and then whenever enough work was done.
  ///
  /// - Parameter work: How many numbers are read to be multiplied and added: pixels times channels times taps.
  mutating func spend(_ work: Int) throws(BitmapError) {
    left -= work
    guard left < 0 else { return }
    left = interval
    try deadline.check()
  }

  /// How many elements make up the work between two questions if each element costs `work`. A multiple of `step`.
  func elementCount(costing work: Int, step: Int) -> Int {
    max(step, interval / max(work, 1) / step * step)
  }
}
