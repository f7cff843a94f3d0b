import Dispatch
import Glibc
import NativeBuffers
import Synchronization

extension Bitmap {
  /// Calls `body` for bands of rows on several threads at a time: together they are all rows, and no two have one in
  /// common. Returns when all are done.
  ///
  ///     try bitmap.withMutableRowBands(as: RGBA8.self) { band in
  ///       for y in band.rows {
  ///         for x in 0..<band.width { band[x, y].alpha = 255 }
  ///       }
  ///     }
  ///
  /// The bitmap's memory is pinned for this call alone until all bodies have returned, so nobody reads it half changed.
  /// Where a body throws, no band is begun any more, and the first error is thrown. So it is when the calling task is
  /// cancelled, with `cancelled`: looked at by the calling thread before each of its bands. Bands that were changed stay
  /// changed.
  ///
  /// The calling thread works, too, and waits for the others, which are Dispatch's. Beside the work itself this costs less
  /// than a microsecond, and a copy of the picture where the pixels are shared: see ``Bitmap``. In a child of `fork`,
  /// where Dispatch does not run, only with one job.
  ///
  /// - Parameters:
  ///   - type: What the pixels are taken for; see ``withMutablePixels(as:file:line:function:_:)``.
  ///   - jobs: How many threads at most; nil for as many as the system has processors for this process.
  ///   - rowCount: Rows of a band, the last one may have fewer; nil for a few bands a job, so that no thread waits long
  ///     for another one.
  /// - Throws: What a body throws; `invalidArgument` where the type does not fit the format, or a number is below 1;
  ///   `cancelled`, `outOfMemory`, `pixelsUnavailable`.
  public mutating func withMutableRowBands<Pixel: BitmapPixel>(
    as type: Pixel.Type, jobs: Int? = nil, rowCount: Int? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: @Sendable (inout MutablePixelRows<Pixel>) throws -> Void
  ) throws {
    try format.require(type)
    try withBands(of: type, width: width, jobs: jobs, rowCount: rowCount, (file, line, function), body)
  }

  /// As ``withMutableRowBands(as:jobs:rowCount:file:line:function:_:)``, with rows of bytes: for any format.
  public mutating func withMutableRowBands(
    jobs: Int? = nil, rowCount: Int? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: @Sendable (inout MutablePixelRows<UInt8>) throws -> Void
  ) throws {
    try withBands(of: UInt8.self, width: rowByteCount, jobs: jobs, rowCount: rowCount, (file, line, function), body)
  }

  /// As ``withMutableRowBands(as:jobs:rowCount:file:line:function:_:)``, to read only: nothing is copied, and others can
  /// read meanwhile.
  ///
  /// - Throws: What a body throws; `invalidArgument`, `cancelled`, `pixelsUnavailable`.
  public func withRowBands<Pixel: BitmapPixel>(
    as type: Pixel.Type, jobs: Int? = nil, rowCount: Int? = nil,
    _ body: @Sendable (PixelRows<Pixel>) throws -> Void
  ) throws {
    try format.require(type)
    try withReadOnlyBands(of: type, width: width, jobs: jobs, rowCount: rowCount, body)
  }

  /// As ``withRowBands(as:jobs:rowCount:_:)``, with rows of bytes: for any format.
  public func withRowBands(
    jobs: Int? = nil, rowCount: Int? = nil, _ body: @Sendable (PixelRows<UInt8>) throws -> Void
  ) throws {
    try withReadOnlyBands(of: UInt8.self, width: rowByteCount, jobs: jobs, rowCount: rowCount, body)
  }

  private func withReadOnlyBands<Pixel: BitwiseCopyable>(
    of type: Pixel.Type, width: Int, jobs: Int?, rowCount: Int?, _ body: @Sendable (PixelRows<Pixel>) throws -> Void
  ) throws {
    let (jobs, bands) = try bands(jobs: jobs, rowCount: rowCount)
    try unsafe withUnsafePixels { base, bytesPerRow in
      let memory = unsafe ReadOnlyMemory(base: base, bytesPerRow: bytesPerRow)
      try bands.run(jobs: jobs) { rows in
        // SAFETY: the pin is held until all bodies have returned, and nobody writes under it.
        let band = unsafe PixelRows<Pixel>(
          base: memory.base, bytesPerRow: memory.bytesPerRow, width: width, rows: rows, owner: memory)
        try body(band)
      }
    }
  }

  private mutating func withBands<Pixel: BitwiseCopyable>(
    of type: Pixel.Type, width: Int, jobs: Int?, rowCount: Int?,
    _ site: (file: StaticString, line: UInt, function: StaticString),
    _ body: @Sendable (inout MutablePixelRows<Pixel>) throws -> Void
  ) throws {
    let (jobs, bands) = try bands(jobs: jobs, rowCount: rowCount)
    try makeUnique(file: site.file, line: site.line, function: site.function)
    let buffer = pixels
    try unsafe changingBytes { bytes in
      guard let base = bytes.baseAddress else { throw BitmapError.emptyBuffer }
      let memory = unsafe Memory(base: base + offset, bytesPerRow: bytesPerRow)
      try bands.run(jobs: jobs) { rows in
        // SAFETY: the pin is held until all bodies have returned, and the ranges of rows are disjoint.
        var band = unsafe MutablePixelRows<Pixel>(
          base: memory.base, bytesPerRow: memory.bytesPerRow, width: width, rows: rows, owner: memory)
        defer {
          if unsafe !band.areRows(at: memory.base, bytesPerRow: memory.bytesPerRow, width: width, rows: rows) {
            buffer.failExchanged()
          }
        }
        try body(&band)
      }
    }
  }

  private func bands(jobs: Int?, rowCount: Int?) throws(BitmapError) -> (jobs: Int, bands: ConcurrentBands) {
    let jobs = jobs ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    guard jobs > 0, rowCount ?? 1 > 0 else {
      throw BitmapError(
        .invalidArgument, "\(jobs) jobs with bands of \(rowCount ?? 1) rows cannot be; give at least 1.")
    }
    return (jobs, ConcurrentBands(height: height, rowCount: rowCount ?? max(1, height / jobs / 4)))
  }

  // SAFETY: each thread writes rows that no other one has.
  @safe
  private struct Memory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let bytesPerRow: Int
  }
}

/// What several threads read.
// SAFETY: nobody writes while it is lent.
@safe
private struct ReadOnlyMemory: @unchecked Sendable {
  let base: UnsafeRawPointer
  let bytesPerRow: Int
}

/// Ranges of rows that several threads take one after the other, until there is none left or somebody fails.
final class ConcurrentBands: Sendable {
  private let height: Int
  private let rowCount: Int
  private let watch = WorkWatch()
  private let next = Atomic<Int>(0)
  private let hasFailed = Atomic<Bool>(false)
  private let isStopped = Atomic<Bool>(false)
  // SAFETY: written by whoever sets `hasFailed`, before `isStopped` says that it may be read.
  nonisolated(unsafe) private var failure: (any Error)?

  init(height: Int, rowCount: Int) {
    self.height = height
    self.rowCount = min(rowCount, height)
  }

  /// Calls `body` for every range, on this thread and up to `jobs - 1` others; throws the first error.
  func run(jobs: Int, _ body: @Sendable (Range<Int>) throws -> Void) throws {
    let bandCount = (height - 1) / rowCount + 1
    if jobs == 1 || bandCount == 1 {
      work(body)
    } else {
      DispatchQueue.concurrentPerform(iterations: min(jobs, bandCount)) { _ in work(body) }
    }
    if isStopped.load(ordering: .acquiring), let error = unsafe failure { throw error }
  }

  private func work(_ body: (Range<Int>) throws -> Void) {
    while !isStopped.load(ordering: .relaxed) {
      let start = next.wrappingAdd(rowCount, ordering: .relaxed).oldValue
      guard start < height else { return }
      do {
        // On the caller's thread its task's; the others have none.
        try watch.check()
        try body(start..<min(height, start + rowCount))
      } catch {
        guard !hasFailed.exchange(true, ordering: .relaxed) else { return }
        unsafe failure = error
        isStopped.store(true, ordering: .releasing)
      }
    }
  }
}
