// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import LeakAuditing
import NativeBuffers
import SystemPackage
import TestSupport
import Testing

@Suite("Audit: what is kept on purpose")
struct KeptResourceTests {
  private struct Failed: Error {}

  /// Something of each kind.
  private struct Resources: ~Copyable {
    let buffer: NativeBuffer
    let adopted: NativeBuffer
    let unique: UniqueBuffer
    let resource: NativeResource<Int>
    let descriptor: OwnedFileDescriptor
    let registration: FinalizationRegistry<Int>.Registration

    static func make(_ registry: FinalizationRegistry<Int>, for target: AnyObject) throws -> Resources {
      let memory = UnsafeMutableRawPointer.allocate(byteCount: 10, alignment: 1)
      unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 10)
      return Resources(
        buffer: try NativeBuffer(byteCount: 1),
        adopted: unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 10) { unsafe $0.deallocate() },
        unique: try UniqueBuffer(byteCount: 5_000_000),
        resource: try NativeResource(1, byteCount: 100) { _ in },
        descriptor: try OwnedFileDescriptor.open("/dev/null", .readOnly),
        registration: try registry.register(target, holding: 1, byteCount: 1_000))
    }

    consuming func dispose() {
      buffer.dispose()
      adopted.dispose()
      unique.dispose()
      resource.dispose()
      descriptor.dispose()
      registration.cancel()
    }
  }

  @Test("What is created in a scope of process lifetime is not held, whatever it is, and other resources are")
  func kinds() throws {
    let registry = FinalizationRegistry<Int>(name: "kinds", delivery: .manual) { _ in }
    let target = Plain()
    for isKept in [true, false] {
      var made: Resources?
      let (_, report) = try LeakAuditor.scope("kinds") {
        if isKept {
          made = try ProcessLifetime.scope { try Resources.make(registry, for: target) }
        } else {
          made = try .make(registry, for: target)
        }
      }
      let held = report.findings.filter { $0.kind == .held }
      #expect(held.map(\.count) == (isKept ? [] : [3, 1, 1, 1]), "\(report.findings)")
      made.take()?.dispose()
    }
  }

  private final class Plain: Sendable {}

  @Test("Scopes of both kinds nest in any order, and a scope inside keeps the process lifetime around it")
  func nesting() throws {
    let (inner, outer) = try LeakAuditor.scope("outer") {
      let kept = try ProcessLifetime.scope {
        let (kept, report) = try LeakAuditor.scope("inner") { try NativeBuffer(byteCount: 10) }
        #expect(report.verdict == .clean)
        return kept
      }
      let (held, report) = try LeakAuditor.scope("second") { try NativeBuffer(byteCount: 20) }
      #expect(report.findings.map(\.byteCount) == [20])
      return [kept, held]
    }
    #expect(outer.findings.map(\.byteCount) == [20])
    for buffer in inner { buffer.dispose() }
    let (after, report) = try LeakAuditor.scope("after") { try NativeBuffer(byteCount: 30) }
    #expect(report.findings.map(\.byteCount) == [30])
    after.dispose()
  }

  @Test("Child tasks are in the scope of process lifetime, and detached tasks and other threads are not")
  func tasks() async throws {
    let (buffers, report) = try await LeakAuditor.scope("tasks") {
      try await ProcessLifetime.scope {
        async let child = NativeBuffer(byteCount: 10)
        let own = try NativeBuffer(byteCount: 20)
        return [try await child, own]
      }
    }
    #expect(report.verdict == .clean, "\(report.findings)")
    for buffer in buffers { buffer.dispose() }
    let (sums, outer) = try await LeakAuditor.scope("others") {
      let pair = try await withThrowingTaskGroup(of: NativeBuffer.self) { group in
        group.addTask { try ProcessLifetime.scope { try NativeBuffer(byteCount: 30) } }
        group.addTask { try NativeBuffer(byteCount: 40) }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      return pair
    }
    #expect(outer.findings.map(\.byteCount) == [40])
    for buffer in sums { buffer.dispose() }
  }

  @Test("A scope of process lifetime hands on values with one owner and errors with their type, and ends with them")
  func results() throws {
    let buffer = try ProcessLifetime.scope { try UniqueBuffer(byteCount: 64) }
    buffer.dispose()
    do {
      try ProcessLifetime.scope { () throws(Failed) in throw Failed() }
    } catch {
      let failed: Failed = error
      _ = failed
    }
    let (next, report) = try LeakAuditor.scope("after") { try NativeBuffer(byteCount: 30) }
    #expect(report.findings.map(\.count) == [1])
    next.dispose()
  }

  @Test("A resource of process lifetime that is only released by its deinit is a rescue like any other")
  func rescued() throws {
    let (_, report) = try LeakAuditor.scope("rescued") {
      try ProcessLifetime.scope {
        _ = try NativeBuffer(byteCount: 100)
        _ = try NativeResource(1, byteCount: 9) { _ in }
      }
    }
    #expect(report.findings.map(\.kind) == [.rescued])
    #expect(report.findings.first?.count == 2 && report.findings.first?.byteCount == 109)
  }

  /// A client's class that owns several resources.
  private final class Atlas: CacheableResource, Sendable {
    let glyphs: NativeBuffer
    let texture: NativeResource<Int>
    init() throws {
      glyphs = try NativeBuffer(byteCount: 1_000)
      texture = try NativeResource(1, byteCount: 2_000) { _ in }
    }
    func setHeldByCache(_ isHeld: Bool) {
      glyphs.setHeldByCache(isHeld)
      texture.setHeldByCache(isHeld)
    }
    func dispose() {
      glyphs.dispose()
      texture.dispose()
    }
  }

  @Test("What a cache holds is not held, and neither are the registrations that the cache makes")
  func cached() throws {
    let buffers = ResourceCache<Int, NativeBuffer>(name: "buffers", strongByteLimit: 1_000) { $0.byteCount }
    let atlases = ResourceCache<Int, Atlas>(name: "atlases", strongByteLimit: 1) { _ in 1 }
    let (_, report) = try LeakAuditor.scope("cached") {
      for key in 0..<10 { _ = try buffers.value(for: key) { try NativeBuffer(byteCount: 100) } }
      _ = try atlases.value(for: 1) { try Atlas() }
    }
    #expect(report.verdict == .clean, "\(report.findings)")
    #expect(buffers.trim() == 1_000 && atlases.trim() == 1)
  }

  @Test("A value that the cache does not hold any more, or holds weakly, is held by the program")
  func evicted() throws {
    let cache = ResourceCache<Int, NativeBuffer>(name: "evicted", strongByteLimit: 250) { $0.byteCount }
    let weakly = ResourceCache<Int, Atlas>(name: "weakly")
    var buffers: [NativeBuffer] = []
    let (atlas, report) = try LeakAuditor.scope("evicted") {
      for key in 0..<4 { buffers.append(try cache.value(for: key) { try NativeBuffer(byteCount: 100 + key) }) }
      return try weakly.value(for: 1) { try Atlas() }
    }
    // The last two fit into the strong tier.
    #expect(report.findings.map(\.count) == [3, 1] && report.findings.map(\.byteCount) == [1_201, 2_000])
    for buffer in buffers { buffer.dispose() }
    atlas.dispose()
  }
}
