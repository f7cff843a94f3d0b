// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Glibc
import NativeBuffers
import Synchronization

extension Bitmap {
  /// Calls `body` for bands of rows, on several threads at the same time. Together the bands are all rows of the
  /// picture, and no row is in two bands. Returns when all bodies have returned.
  ///
  ///     try bitmap.withMutableRowBands(as: RGBA8.self) { band in
  ///       for y in band.rows {
  ///         for x in 0..<band.width { band[x, y].alpha = 255 }
  ///       }
  ///     }
  ///
  /// The bitmap's memory is pinned exclusively until all bodies have returned, so no other code can read half-changed
  /// pixels. If a body throws, no further band is begun, and the first error is thrown. If the calling task is
  /// cancelled, the same happens with `cancelled`: the calling thread checks this before each of its bands. Bands that
  /// were changed stay changed.
  ///
  /// The calling thread takes bands, too, and then waits for the other threads, which are Dispatch's. Besides the work
  /// itself this costs less than a microsecond, and a copy of the picture if the pixels are shared: see ``Bitmap``.
  /// Dispatch does not run in a child of `fork`: pass `jobs: 1` there.
  ///
  /// - Parameters:
  ///   - type: The type of the pixels; see ``withMutablePixels(as:file:line:function:_:)``.
  ///   - jobs: The greatest number of threads; nil for the number of processors that the system has for this process.
  ///   - rowCount: The rows of a band; the last band may have fewer. Nil makes a few bands for each job, so that no
  ///     thread waits long for another thread.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  ///   - body: Called once for each band, with the band.
  /// - Throws: What a body throws; `invalidArgument` if the type does not fit the format or a number is below 1;
  ///   `cancelled` if the calling task is cancelled; `outOfMemory` if there is no memory for the copy;
  ///   `pixelsUnavailable` if the bitmap was disposed.
  public mutating func withMutableRowBands<Pixel: BitmapPixel>(
    as type: Pixel.Type, jobs: Int? = nil, rowCount: Int? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: @Sendable (inout MutablePixelRows<Pixel>) throws -> Void
  ) throws {
    try format.require(type)
    try withBands(of: type, width: width, jobs: jobs, rowCount: rowCount, (file, line, function), body)
  }

  /// Like ``withMutableRowBands(as:jobs:rowCount:file:line:function:_:)``, with rows of bytes, for any format.
  public mutating func withMutableRowBands(
    jobs: Int? = nil, rowCount: Int? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    _ body: @Sendable (inout MutablePixelRows<UInt8>) throws -> Void
  ) throws {
    try withBands(of: UInt8.self, width: rowByteCount, jobs: jobs, rowCount: rowCount, (file, line, function), body)
  }

  /// Like ``withMutableRowBands(as:jobs:rowCount:file:line:function:_:)``, but only to read: nothing is copied, and
  /// other code can read at the same time.
  ///
  /// - Throws: What a body throws; `invalidArgument` if the type does not fit the format or a number is below 1;
  ///   `cancelled` if the calling task is cancelled; `pixelsUnavailable` if the bitmap was disposed or is being
  ///   written.
  public func withRowBands<Pixel: BitmapPixel>(
    as type: Pixel.Type, jobs: Int? = nil, rowCount: Int? = nil,
    _ body: @Sendable (PixelRows<Pixel>) throws -> Void
  ) throws {
    try format.require(type)
    try withReadOnlyBands(of: type, width: width, jobs: jobs, rowCount: rowCount, body)
  }

  /// Like ``withRowBands(as:jobs:rowCount:_:)``, with rows of bytes, for any format.
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
        // SAFETY: the pin is held until all bodies have returned, and nothing writes to pinned memory.
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

  /// Memory whose rows several threads write.
  // SAFETY: each thread writes only its own rows.
  @safe
  private struct Memory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let bytesPerRow: Int
  }
}

/// Memory that several threads read.
// SAFETY: nothing writes to the memory while it is lent.
@safe
private struct ReadOnlyMemory: @unchecked Sendable {
  let base: UnsafeRawPointer
  let bytesPerRow: Int
}

/// Ranges of rows, which several threads take one after another until none is left or a body fails.
final class ConcurrentBands: Sendable {
  private let height: Int
  private let rowCount: Int
  private let deadline = WorkDeadline()
  private let next = Atomic<Int>(0)
  private let hasFailed = Atomic<Bool>(false)
  private let isStopped = Atomic<Bool>(false)
  // SAFETY: written once, by the thread that sets `hasFailed`; read only after `isStopped` was set, which happens
  // later.
  nonisolated(unsafe) private var failure: (any Error)?

  init(height: Int, rowCount: Int) {
    self.height = height
    self.rowCount = min(rowCount, height)
  }

  /// Calls `body` for every range, on this thread and on up to `jobs - 1` others. Throws the first error.
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
        // On the caller's thread this asks the caller's task; Dispatch's threads have no task.
        try deadline.check()
        try body(start..<min(height, start + rowCount))
      } catch {
        guard !hasFailed.exchange(true, ordering: .relaxed) else { return }
        unsafe failure = error
        isStopped.store(true, ordering: .releasing)
      }
    }
  }
}
