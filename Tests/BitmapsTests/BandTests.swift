// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeBuffers
import Synchronization
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Bands of rows on several threads")
struct BandTests {
  @Test("Every row is in one band", arguments: [1, 2, 5, 64], [nil, 1, 3, 1000] as [Int?])
  func once(jobs: Int, rowCount: Int?) throws {
    try withOwnArena { arena in
      for height in [1, 2, 101] {
        var bitmap = try Bitmap(width: 70, height: height, format: .gray8, arena: arena)
        let bands = Guarded<[Range<Int>]>([])
        try bitmap.withMutableRowBands(as: Gray8.self, jobs: jobs, rowCount: rowCount) { band in
          let rows = band.rows
          bands.withLock { $0.append(rows) }
          for y in rows {
            for x in 0..<band.width { band[x, y].gray += UInt8(truncatingIfNeeded: x ^ y) }
          }
        }
        let rows = bands.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(Array(rows.joined()) == Array(0..<height))
        if let rowCount { #expect(rows.dropLast().allSatisfy { $0.count == min(rowCount, height) }) }
        #expect(
          try bitmap.takePacked() == (0..<height).flatMap { y in (0..<70).map { UInt8(truncatingIfNeeded: $0 ^ y) } })
      }
    }
  }

  @Test("The bands of a crop have its rows only, and no byte beside the crop changes")
  func crops() throws {
    try withOwnArena { arena in
      func make() throws -> Bitmap {
        try Bitmap(width: 50, height: 40, format: .rgb8, arena: arena)
          .cropped(to: PixelRect(x: 10, y: 7, width: 30, height: 20))
      }
      var crop = try make()
      try crop.withMutableRowBands(jobs: 3, rowCount: 2) { band in
        for y in band.rows {
          for i in 0..<band.width { band[i, y] = 255 }
        }
      }
      let bytes = try crop.pixels.withBytes { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
      for (index, byte) in bytes.enumerated() {
        let (y, x) = (index / crop.bytesPerRow, index % crop.bytesPerRow)
        #expect(byte == ((7..<27).contains(y) && (30..<120).contains(x) ? 255 : 0))
      }
      crop.dispose()
    }
  }

  @Test(
    "Bands for reading have each row of a crop once, share its pixels, and allow other reads at the same time",
    arguments: [1, 3])
  func reading(jobs: Int) throws {
    try withOwnArena { arena in
      let bitmap = try Bitmap.make(width: 60, height: 50, format: .gray8, arena: arena) {
        UInt8(truncatingIfNeeded: $0 &* 7)
      }
      let crop = try bitmap.cropped(to: PixelRect(x: 10, y: 5, width: 40, height: 30))
      arena.failureCountdown.store(1, ordering: .relaxed)  // Any buffer that is made would throw.
      let found = Guarded<[Int: [UInt8]]>([:])
      try crop.withRowBands(as: Gray8.self, jobs: jobs, rowCount: 7) { band in
        for y in band.rows {
          let row = (0..<band.width).map { band[$0, y].gray }
          try crop.withRow(y) { #expect($0.byteCount == 40) }
          found.withLock { $0[y] = ($0[y] ?? []) + row }
        }
      }
      arena.failureCountdown.store(0, ordering: .relaxed)
      let rows = found.withLock { $0 }
      let all = (0..<30).flatMap { rows[$0] ?? [] }
      #expect(try rows.count == 30 && all == crop.packed())
      let sum = Atomic<Int>(0)
      try crop.withRowBands(jobs: jobs) { band in
        for y in band.rows { sum.add(Int(band[3, y]), ordering: .relaxed) }
      }
      #expect(sum.load(ordering: .relaxed) == (0..<30).reduce(0) { $0 + Int(rows[$1]?[3] ?? 0) })
      #expect(throws: Own.self) { try crop.withRowBands(jobs: jobs) { throw Own(row: $0.rows.lowerBound) } }
      #expect(try bitmapError { try crop.withRowBands(as: RGB8.self) { _ in } }.code == .invalidArgument)
      #expect(try bitmapError { try crop.withRowBands(jobs: 0) { _ in } }.code == .invalidArgument)
      bitmap.dispose()
      #expect(try bitmapError { try crop.withRowBands { _ in } }.code == .pixelsUnavailable)
    }
  }

  struct Own: Error { let row: Int }

  @Test("If a band throws an error, the threads stop soon, and the first error is thrown", arguments: [1, 4])
  func errors(jobs: Int) throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 8, height: 10_000, format: .gray8, arena: arena)
      let begun = Atomic<Int>(0)
      let error = #expect(throws: Own.self) {
        try bitmap.withMutableRowBands(jobs: jobs, rowCount: 1) { band in
          begun.add(1, ordering: .relaxed)
          throw Own(row: band.rows.lowerBound)
        }
      }
      // Each job can have begun one band before it sees the stop.
      #expect((1...jobs).contains(begun.load(ordering: .relaxed)))
      #expect((0..<jobs).contains(error?.row ?? -1))
      try bitmap.withMutableRow(0) { _ in }
      bitmap.dispose()
    }
  }

  @Test("A cancelled task begins no further bands", arguments: [1, 3])
  func cancellation(jobs: Int) async throws {
    let arena = try Arena(name: "test")
    let task = Task { () throws -> Int in
      var bitmap = try Bitmap(width: 8, height: 1_000_000, format: .gray8, arena: arena)
      defer { bitmap.dispose() }
      let done = Atomic<Int>(0)
      do {
        try bitmap.withMutableRowBands(jobs: jobs, rowCount: 1) { _ in
          if done.add(1, ordering: .relaxed).newValue == 100 {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
          }
          // Only the calling thread has a task to cancel.
          if done.load(ordering: .relaxed) > 100 { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
        }
      } catch let error as BitmapError where error.code == .cancelled {
        return done.load(ordering: .relaxed)
      }
      return -1
    }
    let done = try await task.value
    #expect(done >= 100 && done < 1_000_000)
    try arena.expectEmpty()
    try arena.destroy()
  }

  @Test("A task that was cancelled before begins no band")
  func cancelledBefore() async throws {
    let task = Task { () throws -> BitmapError.Code? in
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      var bitmap = try Bitmap(width: 8, height: 8, format: .gray8)
      defer { bitmap.dispose() }
      do {
        try bitmap.withMutableRowBands(jobs: 1) { _ in Issue.record("A band was begun") }
        return nil
      } catch let error as BitmapError {
        return error.code
      }
    }
    #expect(try await task.value == .cancelled)
  }

  @Test("Band heights and thread counts that make no sense are refused", arguments: [(0, 1), (-1, 1), (1, 0), (2, -5)])
  func nonsense(jobs: Int, rowCount: Int) throws {
    try withOwnArena { arena in
      var bitmap = try Bitmap(width: 8, height: 8, format: .gray8, arena: arena)
      let error = try bitmapError { try bitmap.withMutableRowBands(jobs: jobs, rowCount: rowCount) { _ in } }
      #expect(error.code == .invalidArgument)
      bitmap.dispose()
      #expect(try bitmapError { try bitmap.withMutableRowBands { _ in } }.code == .pixelsUnavailable)
    }
  }

  @Test("If many threads use copies, crops and bands at once, no thread sees the changes of another one")
  func stress() throws {
    try withOwnArena { arena in
      let shared = try Bitmap.make(width: 64, height: 48, format: .gray8, arena: arena) {
        UInt8(truncatingIfNeeded: $0)
      }
      let expected = try shared.packed()
      DispatchQueue.concurrentPerform(iterations: 8) { index in
        do {
          for round in 0..<20 {
            var own = shared
            let value = UInt8(truncatingIfNeeded: index * 20 + round)
            if round % 3 == 0 { own = try own.cropped(to: PixelRect(x: 1, y: 2, width: 40, height: 30)) }
            try own.withMutableRowBands(as: Gray8.self, jobs: 2, rowCount: 5) { band in
              for y in band.rows {
                for x in 0..<band.width { band[x, y].gray ^= value }
              }
            }
            let part =
              round % 3 == 0
              ? CroppingTests.part(expected, 64, .gray8, PixelRect(x: 1, y: 2, width: 40, height: 30)) : expected
            #expect(try own.packed() == part.map { $0 ^ value })
            own.dispose()
          }
        } catch {
          Issue.record(error)
        }
      }
      #expect(try shared.takePacked() == expected)
    }
  }
}
