/// Whether the task that a function runs in was cancelled: where one question is enough. Work of many rows asks a
/// ``WorkWatch``.
enum Cancellation {
  /// Asked once per row or so: some nanoseconds. Outside of a task nothing is ever cancelled.
  static func check() throws(BitmapError) {
    if Task.isCancelled { throw .cancelled(format: nil) }
  }
}
