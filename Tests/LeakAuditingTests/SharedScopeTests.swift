// SPDX-License-Identifier: Apache-2.0

import Foundation
import LeakAuditing
import NativeBuffers
import TestSupport
import Testing

@Suite("Audit: scopes that other threads enter")
struct SharedScopeTests {
  @Test("What other threads create inside of a scope's run is counted, and nothing else of theirs")
  func threads() throws {
    let (buffers, report) = LeakAuditor.scope("pool") { scope in
      let made = Collected<NativeBuffer>()
      onThreads(4) { thread in
        guard let outside = try? NativeBuffer(byteCount: 1) else { return }
        made.append(outside)
        if let inside = try? scope.run({ try NativeBuffer(byteCount: 100 + thread) }) { made.append(inside) }
      }
      return made.values
    }
    #expect(buffers.count == 8)
    #expect(report.findings.map(\.count) == [4])
    #expect(report.findings.first?.byteCount == 406)
    for buffer in buffers { buffer.dispose() }
  }

  @Test("A detached task counts in the scope that it enters, with its child tasks, also across suspensions")
  func detachedTasks() async throws {
    let (buffers, report) = try await LeakAuditor.scope("detached") { scope in
      let task = Task.detached {
        try await scope.run {
          async let child = NativeBuffer(byteCount: 10)
          await Task.yield()
          return [try NativeBuffer(byteCount: 20), try await child]
        }
      }
      return try await task.value
    }
    #expect(report.findings.map(\.count) == [2])
    #expect(report.findings.first?.byteCount == 30)
    for buffer in buffers { buffer.dispose() }
  }

  @Test("The current scope is the innermost one, and there is none outside")
  func current() throws {
    #expect(LeakAuditor.Scope.current == nil)
    var kept: [NativeBuffer] = []
    let (_, outer) = try LeakAuditor.scope("outer") {
      let around = try #require(LeakAuditor.Scope.current)
      let (_, inner) = try LeakAuditor.scope("inner") {
        let inside = try #require(LeakAuditor.Scope.current)
        kept.append(try around.run { try NativeBuffer(byteCount: 5) })
        kept.append(try around.run { try inside.run { try NativeBuffer(byteCount: 7) } })
      }
      #expect(inner.findings.map(\.byteCount) == [7])
    }
    #expect(outer.findings.map(\.byteCount) == [12])
    for buffer in kept { buffer.dispose() }
  }

  @Test("A scope that is entered after its end counts nothing")
  func afterTheEnd() throws {
    var old: LeakAuditor.Scope?
    let (_, report) = LeakAuditor.scope("old") { old = $0 }
    #expect(report.verdict == .clean)
    let buffer = try #require(try old?.run { try NativeBuffer(byteCount: 3) })
    let (_, next) = try LeakAuditor.scope("next") { try old?.run { _ = try NativeBuffer(byteCount: 4) } }
    #expect(next.findings.isEmpty)
    buffer.dispose()
  }

  @Test("A rescue on another thread counts in the scope that the buffer was created in")
  func rescues() throws {
    let (_, report) = LeakAuditor.scope("rescues") { scope in
      onThreads(1) { _ in scope.run { _ = try? NativeBuffer(byteCount: 50) } }
    }
    #expect(report.findings.map(\.kind) == [.rescued])
  }
}

/// Values that threads collect.
private final class Collected<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private var collected: [Value] = []

  func append(_ value: Value) { lock.withLock { collected.append(value) } }
  var values: [Value] { lock.withLock { collected } }
}
