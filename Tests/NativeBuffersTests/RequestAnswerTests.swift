// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Foundation
import NativeSynchronization
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Answers to other processes")
struct RequestAnswerTests {
  /// A word that no other process has.
  // SAFETY: never freed.
  @safe private struct Word: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<UInt32>
    init() {
      unsafe pointer = .allocate(capacity: 1)
      unsafe pointer.initialize(to: 0)
    }
    var foreign: ForeignWord { unsafe ForeignWord(pointer) }
    func change() { unsafe pointer.pointee &+= 1 }
  }

  private static var answerNumber: UInt64 {
    unsafe Ledger.shared.atomic64(at: LedgerLayout.answerNumberOffset).pointee.load(ordering: .acquiring)
  }

  private static let millisecond: UInt64 = 1_000_000

  private static func field(_ kind: LedgerLayout.Kind, _ index: Int, _ field: Int) -> Int {
    guard let offset = Ledger.shared.offset(of: index, in: kind) else { return -1 }
    return Int(truncatingIfNeeded: unsafe Ledger.shared.atomic64(at: offset + field).pointee.load(ordering: .relaxed))
  }

  /// The descriptors of this process's request pages.
  private static var requestFiles: [Int32] {
    (0..<64).filter { cnativeruntime_is_request($0) }
  }

  @Test("An answer has both books of each arena, class by class")
  func books() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "answer")
      let buffers = try (0..<5).map { _ in try NativeBuffer(uninitializedByteCount: 100_000, arena: arena) }
      for buffer in buffers.prefix(2) { buffer.dispose() }
      let unknown = unsafe try arena.unsafeAllocate(byteCount: 1 << 20)
      let writer = try #require(AnswerWriter(.shared))
      RequestAnswers.answer(writer)
      #expect(Self.answerNumber == 1)
      let rows = (0..<2).map { 256 + $0 }
      let domain = Int(arena.domain.rawValue)
      let row = try #require(rows.first { Self.field(.answerArenas, $0, 0) & 0xFFFF_FFFF == domain })
      #expect(Self.field(.answerArenas, row, 0) >> 32 == Int(arena.index))
      #expect(Self.field(.answerArenas, row, 8) == (try arena.counts().byteCount))
      #expect(Self.field(.answerArenas, row, 16) == (try arena.counts().active))
      let classes = (0..<8).map { 4_096 + $0 }.filter { Self.field(.answerClasses, $0, 0) & 0xFFFF_FFFF == domain }
      let sizeClass = SizeClass.index(holding: 100_032)
      let known = try #require(classes.first { Self.field(.answerClasses, $0, 0) >> 32 == sizeClass })
      // Allocator's blocks, live, idle, quarantined, detached, bytes asked for by the live ones.
      #expect((1...6).map { Self.field(.answerClasses, known, $0 * 8) } == [5, 3, 2, 0, 0, 300_000])
      let orphan = try #require(
        classes.first { Self.field(.answerClasses, $0, 0) >> 32 == SizeClass.index(holding: 1 << 20) })
      #expect((1...6).map { Self.field(.answerClasses, orphan, $0 * 8) } == [1, 0, 0, 0, 0, 0])
      #expect(Self.field(.answers, 1, 72) > 0 && Self.field(.answers, 1, 80) > 0)
      unsafe arena.unsafeDeallocate(unknown)
      withExtendedLifetime(buffers) {}
    }
  }

  @Test("A request is answered at once, and the next ones after 50 ms or more, however often the word changes")
  func pace() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      (try? NativeBuffer(byteCount: 1_000))?.dispose()
      let word = Word()
      var requests = RequestAnswers(word.foreign)
      let start = MonotonicClock.now
      requests.look(at: start, wasWoken: false)
      #expect(Self.answerNumber == 0 && requests.nextLook == nil && requests.watched?.value == 0)
      word.change()
      requests.look(at: start, wasWoken: true)
      #expect(Self.answerNumber == 1)
      // Meanwhile the word is not watched, so no change of it wakes the thread.
      let next = try #require(requests.nextLook)
      let isWatched = requests.watched != nil
      #expect(!isWatched && next >= start + 50 * Self.millisecond)
      for step in 0..<1_000 {
        word.change()
        requests.look(at: start + UInt64(step), wasWoken: false)
      }
      #expect(Self.answerNumber == 1)
      requests.look(at: next, wasWoken: false)
      #expect(Self.answerNumber == 2)
      // Without a new request, the word is watched again.
      requests.look(at: try #require(requests.nextLook), wasWoken: false)
      #expect(Self.answerNumber == 2 && requests.nextLook == nil && requests.watched != nil)
      // A process that wakes the thread without a change gets no answer, and no second wake-up for 50 ms.
      let later = next + 10_000 * Self.millisecond
      requests.look(at: later, wasWoken: true)
      #expect(Self.answerNumber == 2 && requests.watched == nil)
      #expect(requests.nextLook == later + 50 * Self.millisecond)
    }
  }

  @Test("An answer that had to wait for an arena's lock makes the next request wait no longer than other answers do")
  func waiting() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "locked")
      let word = Word()
      var requests = RequestAnswers(word.foreign)
      word.change()
      let start = MonotonicClock.now
      let hasLock = Atomic(false)
      let holder = Worker {
        arena.lock.lock()
        hasLock.store(true, ordering: .releasing)
        usleep(500_000)
        arena.lock.unlock()
      }
      ThreadStatus.wait("the lock") { hasLock.load(ordering: .acquiring) }
      requests.look(at: start, wasWoken: true)
      holder.wait()
      #expect(Self.answerNumber == 1)
      #expect(try #require(requests.nextLook) < start + 20 * 500 * Self.millisecond)
    }
  }

  @Test("A request that comes before the thread looks for the first time is answered")
  func early() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      (try? NativeBuffer(byteCount: 1_000))?.dispose()
      let word = Word()
      word.change()
      var requests = RequestAnswers(word.foreign)
      requests.look(at: MonotonicClock.now, wasWoken: false)
      #expect(Self.answerNumber == 1)
    }
  }

  @Test("While another process changes the word all the time, the thread still does its work when it is called")
  func hostileWriter() async {
    await #expect(processExitsWith: .success) {
      let arena = try Arena(name: "hostile", configuration: .init(idleTime: .milliseconds(2)))
      let kept = try NativeBuffer(byteCount: 1_000, arena: arena)
      guard let word = unsafe cnativeruntime_request_word() else { fatalError("no page") }
      // SAFETY: the page is never unmapped in this process.
      let address = UInt(bitPattern: word)
      let isOver = Atomic(false)
      let begin = MonotonicClock.now
      onThreads(2) { thread in
        if thread == 0 {
          // SAFETY: an address that was that of a `UInt32`.
          guard let word = unsafe UnsafeMutablePointer<UInt32>(bitPattern: address) else { return }
          var value: UInt32 = 0
          while !isOver.load(ordering: .relaxed) {
            value &+= 0x9E37_79B9
            unsafe UnsafeMutableRawPointer(word).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
              .store(value, ordering: .relaxed)
            unsafe cnativeruntime_wake_foreign(word)
          }
        } else {
          for _ in 0..<5 {
            for buffer in (0..<4).compactMap({ _ in try? NativeBuffer(byteCount: 3 << 20, arena: arena) }) {
              buffer.dispose()
            }
            ThreadStatus.wait("idle blocks gone") { (try? arena.counts().count) == 1 }
          }
          ThreadStatus.wait("an answer") { Self.answerNumber > 0 }
          isOver.store(true, ordering: .relaxed)
        }
      }
      let milliseconds = (MonotonicClock.now - begin) / Self.millisecond
      #expect(Self.answerNumber <= milliseconds / 50 + 1)
      withExtendedLifetime(kept) {}
    }
  }

  @Test("The page is there with the first buffer, and can be made neither shorter nor longer")
  func page() async {
    await #expect(processExitsWith: .success) {
      #expect(Self.requestFiles.isEmpty)
      let buffer = try NativeBuffer(byteCount: 1_000)
      #expect(MaintenanceThread.isRunning && Self.requestFiles.count == 1)
      let file = try #require(Self.requestFiles.first)
      let path = "/proc/self/fd/\(file)"
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: path).hasPrefix("/memfd:native-buffers-request"))
      let other = unsafe open(path, O_RDWR)
      #expect(other >= 0)
      #expect(ftruncate(other, 0) != 0 && ftruncate(other, 1 << 20) != 0)
      #expect(fcntl(file, F_GETFD) & FD_CLOEXEC != 0)
      withExtendedLifetime(buffer) {}
    }
  }

  @Test("If the process may make no files, or no such small ones, it has no page, and maintenance works")
  func noPage() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit(rlim_cur: 100, rlim_max: 100)
      let isSet = unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0
      #expect(isSet)
      let arena = try Arena(name: "no page", configuration: .init(idleTime: .milliseconds(2)))
      try NativeBuffer(byteCount: 3 << 20, arena: arena).dispose()
      #expect(MaintenanceThread.isRunning && Self.requestFiles.isEmpty)
      ThreadStatus.wait("idle blocks gone") { (try? arena.counts().count) == 0 }
    }
  }

  @Test(
    "An answer takes no memory: it works when the process can get none",
    .enabled(if: !Sanitizer.isOn, "a sanitizer needs memory itself"))
  func noMemory() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let buffers = try (0..<2_000).map { try NativeBuffer(byteCount: 64 * ($0 % 50 + 1)) }
      let writer = try #require(AnswerWriter(.shared))
      // Whatever is looked up at the first answer, such as jemalloc's statistics of new arenas, is there afterwards.
      RequestAnswers.answer(writer)
      // On a thread of its own, because the stack of the first thread could not grow.
      let worker = Worker {
        // As the maintenance thread does at its start.
        _ = RequestAnswers(Word().foreign)
        // This looks something up at its first use.
        guard Self.answerNumber == 1 && Self.field(.answers, 1, 80) > 0 else { _exit(1) }
        var limit = rlimit(rlim_cur: 1, rlim_max: 1)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { _exit(2) }
        // From now on malloc has nothing at all.
        var size = 1 << 20
        while size > 0 { if unsafe malloc(size) == nil { size /= 2 } }
        RequestAnswers.answer(writer)
        RequestAnswers.answer(writer)
        _exit(Self.answerNumber == 3 && Self.field(.answers, 1, 80) > 0 ? 0 : 3)
      }
      worker.wait()
      withExtendedLifetime(buffers) {}
    }
  }

  @Test(
    "A forked child has not its parent's page, answers nothing, and has its own page with its own thread",
    .enabled(if: !ThreadSanitizer.isOn, "ThreadSanitizer lets no forked child start a thread"))
  func fork() async {
    await #expect(processExitsWith: .success) {
      let buffer = try NativeBuffer(byteCount: 1_000)
      #expect(Self.requestFiles.count == 1)
      let inherited = try #require(Self.requestFiles.first)
      let child = Forking.fork(secondsOfChild: 60)
      if child == 0 {
        guard fcntl(inherited, F_GETFD) < 0, Self.requestFiles.isEmpty else { _exit(1) }
        MaintenanceThread.turnOn()
        for buffer in (0..<4).compactMap({ _ in try? NativeBuffer(byteCount: 3 << 20) }) { buffer.dispose() }
        guard MaintenanceThread.isRunning, Self.requestFiles.count == 1 else { _exit(2) }
        guard let word = unsafe cnativeruntime_request_word() else { _exit(3) }
        unsafe word.pointee &+= 1
        unsafe cnativeruntime_wake_foreign(word)
        ThreadStatus.wait("an answer of the child") { Self.answerNumber == 1 }
        _exit(0)
      }
      #expect(Forking.status(of: child) == 0)
      #expect(Self.answerNumber == 0)
      withExtendedLifetime(buffer) {}
    }
  }

  @Test("The record of an arena's domain says its number, its allocated blocks and its ended lives")
  func domainRecord() async {
    await #expect(processExitsWith: .success) {
      Maintenance.beginByHand()
      let arena = try Arena(name: "record")
      for _ in 0..<3 { try NativeBuffer(byteCount: 100_000, arena: arena).dispose() }
      func field(_ field: Int) -> UInt64 {
        unsafe Ledger.shared.domainField64(field, of: arena.domain).pointee.load(ordering: .relaxed)
      }
      #expect(field(LedgerLayout.DomainField.arenaIndex) & 0xFFFF_FFFF == UInt64(arena.index))
      #expect(field(LedgerLayout.DomainField.allocatedBlocks) == 1)
      #expect(field(LedgerLayout.DomainField.endedLives) == 0)
      arena.trim()
      #expect(field(LedgerLayout.DomainField.endedLives) == 3 && arena.pastLifeCount == 3)
    }
  }
}
