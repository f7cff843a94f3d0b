// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import NativeSynchronization
import ResourceLedger
import Testing

@testable import LeakAuditing
@testable import LedgerReading

@Suite("Audit: both books")
struct AuditTests {
  private static let freeIsJemallocs = ConditionTrait.enabled(
    if: MallocCapture.isAvailable, "needs jemalloc's malloc, as LD_PRELOAD=libjemalloc.so.2 gives it")

  /// What an audit says about one arena, because other tests run at the same time.
  private func audit(_ arena: Arena) throws -> (books: ArenaBooks, findings: [Finding]) {
    let report = try LeakAuditor.audit()
    let books = try #require(report.arenas.first { $0.name == arena.name })
    return (books, report.findings.filter { $0.arena == arena.name })
  }

  @Test("Both books agree on live, idle and disposed buffers in each size class")
  func agree() throws {
    let arena = try Arena(name: "agree")
    var live = try (1...20).map { try NativeBuffer(byteCount: $0 * 1_000, arena: arena) }
    for buffer in live.prefix(5) { buffer.dispose() }
    live.removeFirst(5)
    let (books, findings) = try audit(arena)
    #expect(findings.isEmpty)
    #expect(books.difference == 0 && books.differenceByteCount == 0)
    #expect(books.allocatorCount == 20 && books.live.count == 15 && books.idle.count == 5)
    #expect(books.allocatorByteCount == books.live.byteCount + books.idle.byteCount)
    #expect(books.sizeClasses.allSatisfy { $0.difference == 0 })
    #expect(books.buffers == BufferTotals(created: 20, disposed: 5, rescued: 0, live: 15, detached: 0))
    #expect(books.retention.idle == books.idle.byteCount)
    #expect(books.retention.rounding == books.live.byteCount - (6...20).reduce(0) { $0 + $1 * 1_000 })
    for buffer in live { buffer.dispose() }
    try arena.destroy()
  }

  @Test("Memory that was allocated without a buffer is an orphan of its size class until it is freed")
  func orphan() throws {
    let arena = try Arena(name: "orphan")
    let raw = unsafe try arena.unsafeAllocate(byteCount: 5_000)
    let (books, findings) = try audit(arena)
    #expect(
      findings == [Finding(kind: .orphan, count: 1, byteCount: 5_120, sizeClass: 5_120, arena: "orphan", sites: [])])
    #expect(books.difference == 1)
    unsafe arena.unsafeDeallocate(raw)
    #expect(try audit(arena).findings.isEmpty)
    try arena.destroy()
  }

  @Test(
    "A buffer whose memory C code freed is a ghost, and the finding names its line", Self.freeIsJemallocs,
    arguments: [1_000, 100_000])
  func ghost(byteCount: Int) throws {
    let arena = try Arena(name: "ghost \(byteCount)")
    let buffer = try NativeBuffer(byteCount: byteCount, arena: arena); let line = #line
    unsafe try buffer.withUnsafeBytes { unsafe free(UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
    let finding = try #require(try audit(arena).findings.first)
    #expect(finding.kind == .ghost && finding.count == 1)
    #expect(finding.sites.map(\.line) == [line])
    #expect(finding.sizeClass == finding.byteCount)
    // The handle's memory was freed: the handle must not be disposed, because the block would be used again.
    _ = unsafe Unmanaged.passRetained(buffer)
  }

  @Test("Ledger entries without a block are ghosts, and the finding of each size class names its own lines")
  func ghostLines() throws {
    let arena = try Arena(name: "ghost lines")
    let ledger = Ledger.shared
    var entries: [LedgerEntry] = []
    arena.lock.lock()
    for (line, sizeClass) in [(11, 5_120), (12, 10_240), (13, 10_240)] {
      let entry = try arena.acquireEntry(sizeClass: SizeClass.index(holding: sizeClass), in: ledger)
      entry.capacity = sizeClass
      let site = ledger.intern(file: #fileID, line: UInt(line), function: #function)
      _ = entry.beginLife(byteCount: sizeClass - line, site: site, scope: 0)
      entries.append(entry)
    }
    arena.lock.unlock()
    let findings = try audit(arena).findings.sorted { $0.byteCount < $1.byteCount }
    #expect(findings.map(\.kind) == [.ghost, .ghost] && findings.map(\.count) == [1, 2])
    #expect(findings.map(\.byteCount) == [5_120, 20_480] && findings.map(\.sizeClass) == [5_120, 10_240])
    #expect(findings.map { $0.sites.map(\.line) } == [[11], [12, 13]])
    arena.lock.lock()
    for entry in entries {
      #expect(entry.endLife(as: .free))
      arena.releaseEntry(entry, in: ledger)
    }
    arena.lock.unlock()
    try arena.destroy()
  }

  @Test("An orphan and a ghost of different size classes do not cancel out", Self.freeIsJemallocs)
  func both() throws {
    let arena = try Arena(name: "both")
    let raw = unsafe try arena.unsafeAllocate(byteCount: 40_000)
    let buffer = try NativeBuffer(byteCount: 100_000, arena: arena)
    unsafe try buffer.withUnsafeBytes { unsafe free(UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
    let (books, findings) = try audit(arena)
    #expect(Set(findings.map(\.kind)) == [.orphan, .ghost])
    #expect(books.difference == 2 && books.differenceByteCount == 40_960 + 114_688)
    unsafe arena.unsafeDeallocate(raw)
    _ = unsafe Unmanaged.passRetained(buffer)
  }

  @Test("A detached block is not a finding, neither before nor after C code has freed it", Self.freeIsJemallocs)
  func detached() throws {
    let arena = try Arena(name: "detached audit")
    let memory = unsafe try NativeBuffer(byteCount: 100_000, arena: arena).unsafeDetach()
    var (books, findings) = try audit(arena)
    #expect(findings.isEmpty && books.detached.count == 1 && books.live.count == 0 && books.difference == 0)
    unsafe free(memory.pointer)
    (books, findings) = try audit(arena)
    #expect(findings.isEmpty && books.detached.count == 0 && books.difference == 0)
    try arena.destroy()
  }

  @Test("A live buffer is no finding, and a rescued one is a note with its line; a note is not a fault")
  func rescued() throws {
    let arena = try Arena(name: "rescued audit")
    let live = try NativeBuffer(byteCount: 10, arena: arena)
    _ = try NativeBuffer(byteCount: 777, arena: arena); let line = #line
    let report = try LeakAuditor.audit()
    let finding = try #require(report.findings.first { $0.kind == .rescued })
    let site = try #require(finding.sites.first { $0.file == "LeakAuditingTests/AuditTests.swift" && $0.line == line })
    #expect(site.count == 1 && site.byteCount == 777 && site.function == "rescued()")
    #expect(!Finding.Kind.rescued.isFault)
    #expect(Verdict([finding]) == .notes)
    #expect(Verdict([]) == .clean)
    live.dispose()
    try arena.destroy()
  }

  @Test("The rescue of a buffer whose line is not recorded is in the report, too, with the unknown line")
  func rescuedWithoutLine() async {
    await #expect(processExitsWith: .success) {
      Ledger.shared.recordRescue(at: .unknown, byteCount: 33)
      let finding = try #require(try LeakAuditor.audit().findings.first { $0.kind == .rescued })
      #expect(finding.count == 1 && finding.byteCount == 33)
      #expect(finding.sites.map(\.file) == [Site.unknown.file])
    }
  }

  @Test(
    "An arena with a ghost in its ledger cannot be destroyed, although the allocator has no block left",
    Self.freeIsJemallocs)
  func destroyWithGhost() throws {
    let arena = try Arena(name: "ghost kept")
    let buffer = try NativeBuffer(byteCount: 100_000, arena: arena)
    unsafe try buffer.withUnsafeBytes { unsafe free(UnsafeMutableRawPointer(mutating: $0.baseAddress)) }
    #expect(throws: ArenaError(.blocksLive(count: 1, byteCount: 114_688), arena: "ghost kept")) { try arena.destroy() }
    _ = unsafe Unmanaged.passRetained(buffer)
  }

  @Test("A destroyed arena removes its detached blocks from the ledger, so the next arena with its number has none")
  func destroyWithDetached() throws {
    let first = try Arena(name: "first of a number")
    unsafe first.unsafeDeallocate(try NativeBuffer(byteCount: 5_000, arena: first).unsafeDetach().pointer)
    try first.destroy()
    var left = 0
    Ledger.shared.forEachResource { _, entry in
      if entry.word.isDetached, entry.domain == first.domain.number, entry.byteCount == 5_000 { left += 1 }
    }
    #expect(left == 0)
  }

  @Test("Adopted memory is counted, and no audit compares it")
  func adopted() async {
    // This has a process of its own, because other tests adopt memory, too.
    await #expect(processExitsWith: .success) {
      let memory = unsafe try #require(malloc(12_345))
      let buffer = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: 12_345) { unsafe free($0) }
      #expect(try LeakAuditor.audit().adopted == AuditReport.AdoptedTotals(count: 1, byteCount: 12_345))
      buffer.dispose()
      #expect(try LeakAuditor.audit().adopted == AuditReport.AdoptedTotals(count: 0, byteCount: 0))
    }
  }

  @Test("The counts are about the whole life of the arena, also after its blocks were given back to the allocator")
  func lives() throws {
    let arena = try Arena(name: "lives", configuration: .init(idleByteLimit: 0))
    for _ in 0..<100 { try NativeBuffer(byteCount: 3_000, arena: arena).dispose() }
    // These are blocks that the maintenance thread has not given back yet.
    arena.trim()
    let (books, _) = try audit(arena)
    #expect(books.buffers == BufferTotals(created: 100, disposed: 100, rescued: 0, live: 0, detached: 0))
    #expect(books.allocatorCount == 0)
    try arena.destroy()
  }
}
