// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import LeakAuditing

@Suite("Audit: scopes")
struct ScopeTests {
  private final class Cycle {
    let buffer: NativeBuffer
    var other: Cycle?
    init(_ buffer: NativeBuffer) { self.buffer = buffer }
  }

  @Test("A scope that disposes all that it creates is clean")
  func clean() throws {
    let (value, report) = try LeakAuditor.scope("clean") {
      try NativeBuffer(byteCount: 10).dispose()
      return 42
    }
    #expect(value == 42)
    #expect(report.name == "clean" && report.verdict == .clean && report.findings.isEmpty)
  }

  @Test("A buffer in a retain cycle is held, with count, bytes, size class and line")
  func held() throws {
    var line = 0
    let (_, report) = try LeakAuditor.scope("held") {
      let a = Cycle(try NativeBuffer(byteCount: 1_000)); line = #line
      a.other = a
    }
    let finding = try #require(report.findings.first)
    #expect(report.verdict == .faults && report.findings.count == 1)
    #expect(finding.kind == .held && finding.count == 1 && finding.byteCount == 1_000 && finding.sizeClass == 1_024)
    #expect(finding.sites.map(\.line) == [line])
    #expect(finding.sites.map(\.function) == ["held()"])
  }

  @Test("A buffer that is dropped in its scope is rescued, which is only a note")
  func rescued() throws {
    let (_, report) = try LeakAuditor.scope("rescued") { _ = try NativeBuffer(byteCount: 100) }
    #expect(report.verdict == .notes)
    #expect(report.findings.map(\.kind) == [.rescued])
    #expect(report.findings.first?.byteCount == 100)
  }

  @Test("A scope does not count what other threads and detached tasks create, but counts what child tasks create")
  func taskTree() async throws {
    let (buffers, report) = try await LeakAuditor.scope("tree") {
      let detached = try await Task.detached { try NativeBuffer(byteCount: 1) }.value
      let children = try await withThrowingTaskGroup(of: NativeBuffer.self) { group in
        for size in 10...12 { group.addTask { try NativeBuffer(byteCount: size) } }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      return [detached] + children
    }
    #expect(report.findings.map(\.count) == [3])
    #expect(report.findings.first?.byteCount == 33)
    for buffer in buffers { buffer.dispose() }
  }

  @Test("A scope counts exactly while other threads create and dispose")
  func concurrent() throws {
    onThreads(3) { thread in
      for round in 0..<200 {
        let expected = (round + thread) % 3
        let outcome = try? LeakAuditor.scope("concurrent") {
          try NativeBuffer(byteCount: 64).dispose()
          return try (0..<expected).map { _ in try NativeBuffer(byteCount: 64) }
        }
        #expect(outcome?.report.findings.first?.count ?? 0 == expected)
        for buffer in outcome?.value ?? [] { buffer.dispose() }
      }
    }
  }

  @Test("The outer scope also reports what an inner scope leaves, and neither reports what was there before")
  func nested() throws {
    let before = try NativeBuffer(byteCount: 5)
    var kept: [NativeBuffer] = []
    let (inner, outer) = try LeakAuditor.scope("outer") {
      kept.append(try NativeBuffer(byteCount: 100))
      _ = try NativeBuffer(byteCount: 7)
      return try LeakAuditor.scope("inner") {
        kept.append(try NativeBuffer(byteCount: 200))
        _ = try NativeBuffer(byteCount: 9)
      }.report
    }
    func totals(_ report: ScopeReport) -> [Finding.Kind: [Int]] {
      Dictionary(uniqueKeysWithValues: report.findings.map { ($0.kind, [$0.count, $0.byteCount]) })
    }
    #expect(totals(inner) == [.held: [1, 200], .rescued: [1, 9]])
    #expect(totals(outer) == [.held: [2, 300], .rescued: [2, 16]])
    for buffer in kept + [before] { buffer.dispose() }
  }

  @Test("A task's scope reports what it left, also if the scope in which the task began has ended before")
  func taskThatOutlivesItsScope() async throws {
    let (opened, hasOpened) = AsyncStream<Void>.makeStream()
    let (closed, hasClosed) = AsyncStream<Void>.makeStream()
    let (task, outer) = await LeakAuditor.scope("outer") {
      let task = Task {
        try await LeakAuditor.scope("inner") {
          hasOpened.yield()
          for await _ in closed { break }
          _ = try NativeBuffer(byteCount: 8)
          return try NativeBuffer(byteCount: 300)
        }
      }
      for await _ in opened { break }
      return task
    }
    hasClosed.yield()
    let (buffer, inner) = try await task.value
    #expect(outer.findings.isEmpty)
    #expect(inner.findings.map(\.kind) == [.held, .rescued])
    #expect(inner.findings.map(\.byteCount) == [300, 8])
    buffer.dispose()
  }

  @Test("If the closure of a scope throws, the error is thrown on, and the scope is closed")
  func throwing() throws {
    struct Failure: Error {}
    #expect(throws: Failure.self) { _ = try LeakAuditor.scope("throwing") { throw Failure() } }
    let outer = LeakAuditor.scope("outer") {
      _ = try? LeakAuditor.scope("throwing") { () throws -> Void in
        _ = try NativeBuffer(byteCount: 3)
        throw Failure()
      }
    }
    #expect(outer.report.findings.map(\.kind) == [.rescued])
  }

  @Test("A detached buffer is not held, because its memory has another owner")
  func detached() throws {
    let arena = try Arena(name: "detached scope")
    let (memory, report) = unsafe try LeakAuditor.scope("detached") {
      unsafe try NativeBuffer(byteCount: 100, arena: arena).unsafeDetach()
    }
    #expect(report.verdict == .clean)
    unsafe memory.release()
    try arena.destroy()
  }
}
