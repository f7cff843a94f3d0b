// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import Testing

@Suite("Spans that closures get")
struct LentSpanTests {
  private struct Own: Error {}

  private static let message = "put another span into the place of the one that it was lent of the buffer created at"

  /// Runs a closure that carries its span off, by return and by error, in a process of its own.
  private func expectEnd(_ result: ExitTest.Result?, sourceLocation: SourceLocation = #_sourceLocation) {
    let text = result.map { String(decoding: $0.standardErrorContent, as: UTF8.self) } ?? ""
    #expect(
      text.contains(Self.message) && text.contains("LentSpanTests.swift"), "\(text)", sourceLocation: sourceLocation)
  }

  @Test("If a closure keeps its span, the program ends, and the message names the line of the buffer")
  func exchanged() async {
    for isThrowing in [false, true] {
      expectEnd(
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          [isThrowing = isThrowing as Bool] in
          let buffer = try NativeBuffer(byteCount: 8)
          var kept = MutableRawSpan()
          do {
            try buffer.withMutableBytes { bytes in
              kept = bytes
              bytes = MutableRawSpan()
              if isThrowing { throw Own() }
            }
          } catch {}
          kept.storeBytes(of: 1, as: UInt8.self)
        })
      expectEnd(
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          [isThrowing = isThrowing as Bool] in
          let slice = try NativeBuffer(byteCount: 8).slice(2..<6)
          var kept = MutableRawSpan()
          do {
            try slice.withMutableBytes { bytes in
              kept = bytes
              bytes = MutableRawSpan()
              if isThrowing { throw Own() }
            }
          } catch {}
          kept.storeBytes(of: 1, as: UInt8.self)
        })
      expectEnd(
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          [isThrowing = isThrowing as Bool] in
          _ = try? NativeBuffer(byteCount: 8) { bytes in
            bytes = OutputRawSpan()
            if isThrowing { throw Own() }
          }
        })
      expectEnd(
        await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
          [isThrowing = isThrowing as Bool] in
          _ = try? UniqueBuffer(byteCount: 8) { bytes in
            bytes = OutputRawSpan()
            if isThrowing { throw Own() }
          }.byteCount
        })
    }
  }

  @Test("If a closure keeps its span of elements, the program ends, too")
  func exchangedElements() async {
    expectEnd(
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        let buffer = try NativeBuffer(byteCount: 8)
        var kept = MutableSpan<UInt16>()
        try buffer.withMutableSpan(of: UInt16.self) { span in
          kept = span
          span = MutableSpan()
        }
        kept[0] = 1
      })
    expectEnd(
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        struct Own: Error {}
        let slice = try NativeBuffer(byteCount: 8).slice(2..<6)
        var kept = MutableSpan<UInt16>()
        do {
          try slice.withMutableSpan(of: UInt16.self) { span in
            kept = span
            span = MutableSpan()
            throw Own()
          }
        } catch {}
        kept[0] = 1
      })
  }

  @Test("A closure that does not exchange its span can return or throw")
  func ordinary() throws {
    for byteCount in [0, 1, 100] {
      let buffer = try NativeBuffer(byteCount: byteCount)
      defer { buffer.dispose() }
      #expect(try buffer.withMutableBytes { $0.byteCount } == byteCount)
      #expect(throws: Own.self) { try buffer.withMutableBytes { _ -> Void in throw Own() } }
      try buffer.withMutableBytes { $0 = $0._consumingExtracting(0..<byteCount / 2) }
      let slice = try buffer.slice(byteCount / 2..<byteCount)
      #expect(try slice.withMutableBytes { $0.byteCount } == byteCount - byteCount / 2)
      #expect(throws: Own.self) { try slice.withMutableBytes { _ -> Void in throw Own() } }
      try NativeBuffer(byteCount: byteCount) { bytes in
        for _ in 0..<byteCount { bytes.append(7) }
      }.dispose()
      #expect(throws: Own.self) { try NativeBuffer(byteCount: byteCount) { _ in throw Own() } }
    }
  }

  @Test("Safe code can read and change bytes one by one through spans")
  func spans() throws {
    var unique = try UniqueBuffer(byteCount: 4)
    var bytes = unique.mutableSpan
    for i in bytes.indices { bytes[i] = UInt8(i) }
    #expect(unique.span[3] == 3 && unique.span.count == 4)
    let buffer = unique.share()
    defer { buffer.dispose() }
    do {
      var pin = try buffer.pinMutable()
      var bytes = pin.mutableSpan
      bytes[0] = 9
      #expect(pin.span[0] == 9 && pin.span.count == 4)
    }
    let pin = try buffer.slice(1..<4).pin()
    #expect(pin.span.count == 3 && pin.span[2] == 3)
  }
}
