// SPDX-License-Identifier: Apache-2.0

import Foundation
import NativeSynchronization
import TestSupport
import Testing

@testable import ResourceLedger

// Each test forks in a process of its own, because a child with the threads of all tests' process is no good child.

@Suite(
  "A forked child's ledger",
  .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive a fork under ThreadSanitizer"))
struct LedgerForkTests {
  /// A ledger with entries of an arena's domain, each live or idle, and what a child finds in it.
  private struct Fixture {
    let ledger: Ledger
    let entries: [LedgerEntry]
    let keys: [EntryWord]

    init(count: Int, isShared: Bool = true) throws {
      ledger = try Ledger(entryCapacity: 1 << 17, isShared: isShared)
      let domain = try ledger.addDomain(.arena, name: "test")
      let ledger = ledger
      entries = try (0..<count).map { index in
        let entry = try ledger.acquireEntry(.init(domain: domain.id, bucket: 9))
        entry.address = UInt(index + 1) << 12
        entry.setState(.idle)
        return entry
      }
      keys = entries.map { $0.beginLife(byteCount: 100, site: .unknown, scope: 0) }
    }
  }

  /// Runs `child` in a forked child. Returns the status of its end; 0 if it returned true.
  private static func fork(_ child: () -> Bool) -> Int32 {
    let process = Forking.fork()
    if process == 0 { _exit(child() ? 0 : 1) }
    return Forking.status(of: process)
  }

  @Test("Whatever a child does, its parent's ledger stays as it is")
  func parentStays() async {
    await #expect(processExitsWith: .success) {
      for isShared in [true, false] {
        let fixture = try Fixture(count: 3_000, isShared: isShared)
        let size = fixture.ledger.layout.entries.offset + 3_000 * 64
        let used = fixture.ledger.layout.entries.offset..<size
        func bytes() -> Data { unsafe Data(bytes: fixture.ledger.base + used.lowerBound, count: used.count) }
        let before = bytes()
        let status = Self.fork {
          for (entry, key) in zip(fixture.entries, fixture.keys) {
            guard entry.requestRelease(key: key) == .releaseNow, entry.endLife(as: .free) else { return false }
            fixture.ledger.releaseEntry(entry)
          }
          for line in 1...50 { _ = fixture.ledger.intern(file: #fileID, line: UInt(line), function: "f()") }
          return (try? fixture.ledger.addDomain(.custom, name: "child")) != nil
        }
        #expect(status == 0)
        #expect(bytes() == before)
        #expect(fixture.ledger.siteCount == 1 && fixture.ledger.domainCount == 2)
        // And the parent goes on.
        #expect(fixture.entries.allSatisfy { $0.word.state == .live })
      }
    }
  }

  @Test("A child has its parent's entries, sites and domains, and can add its own")
  func copy() async {
    await #expect(processExitsWith: .success) {
      for count in [0, 1, 40_000] {
        let fixture = try Fixture(count: count)
        let site = fixture.ledger.intern(file: #fileID, line: 5, function: "before()")
        let status = Self.fork {
          let ledger = fixture.ledger
          guard ledger.entryCount == count, ledger.site(site).function == "before()" else { return false }
          for (index, entry) in fixture.entries.enumerated() {
            guard entry.word == fixture.keys[index], entry.address == UInt(index + 1) << 12 else { return false }
          }
          for _ in 0..<20_000 {
            guard (try? ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 9))) != nil
            else { return false }
          }
          let after = ledger.intern(file: #fileID, line: 6, function: "after()")
          return ledger.entryCount == count + 20_000 && ledger.site(after).function == "after()"
            && ledger.flagsInDoubt == 0
        }
        #expect(status == 0, "\(count)")
      }
    }
  }

  @Test("A child's header names the child and its parent, and other processes can read the child's ledger")
  func header() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture(count: 10)
      let parent = getpid()
      var ends: [Int32] = [0, 0]
      guard unsafe pipe(&ends) == 0 else { fatalError() }
      var back: [Int32] = [0, 0]
      guard unsafe pipe(&back) == 0 else { fatalError() }
      let child = Forking.fork()
      if child == 0 {
        _ = fixture.entries[3].requestRelease(key: fixture.keys[3])
        var byte: UInt8 = 1
        _ = unsafe write(ends[1], &byte, 1)
        _ = unsafe read(back[0], &byte, 1)
        _exit(0)
      }
      var byte: UInt8 = 0
      #expect(unsafe read(ends[0], &byte, 1) == 1)
      let descriptors = LedgerRegionTests.ledgers(of: "\(child)")
      #expect(descriptors.count == 1, "the child must not keep its parent's ledger open")
      let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/\(child)/fd/\(descriptors[0])"))
      let header = try #require(try file.read(upToCount: 4_096))
      func u32(_ offset: Int) -> UInt32 {
        unsafe header.withUnsafeBytes { unsafe $0.load(fromByteOffset: offset, as: UInt32.self) }
      }
      func u64(_ offset: Int) -> UInt64 {
        unsafe header.withUnsafeBytes { unsafe $0.load(fromByteOffset: offset, as: UInt64.self) }
      }
      #expect(u32(12) == 1 && u32(32) % 2 == 0)
      #expect(u32(36) == UInt32(parent) && u32(40) == UInt32(child))
      #expect(u64(1_048) == 10)
      try file.seek(toOffset: UInt64(fixture.ledger.layout.entries.offset + 3 * 64))
      let word = try unsafe #require(try file.read(upToCount: 8)).withUnsafeBytes { unsafe $0.load(as: UInt64.self) }
      #expect(EntryWord(rawValue: word).isReleaseRequested)
      #expect(!fixture.entries[3].word.isReleaseRequested)
      // Its seals are those of its parent's file.
      let other = unsafe open("/proc/\(child)/fd/\(descriptors[0])", O_RDWR)
      #expect(other >= 0 && ftruncate(other, 0) == -1)
      _ = unsafe write(back[1], &byte, 1)
      #expect(Forking.status(of: child) == 0)
    }
  }

  @Test("Children of children have ledgers of their own, too")
  func nested() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture(count: 100)
      let status = Self.fork {
        _ = fixture.entries[0].requestRelease(key: fixture.keys[0])
        let status = Self.fork {
          guard fixture.entries[0].word.isReleaseRequested else { return false }
          _ = fixture.entries[1].requestRelease(key: fixture.keys[1])
          return (try? fixture.ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 9))) != nil
        }
        return status == 0 && !fixture.entries[1].word.isReleaseRequested
      }
      #expect(status == 0)
      #expect(!fixture.entries[0].word.isReleaseRequested)
    }
  }

  @Test("If the system gives no file for the copy, the child has it in private memory")
  func privateCopy() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture(count: 5_000)
      LedgerRegionTests.limit(RLIMIT_NOFILE, to: 3)
      let status = Self.fork {
        guard !fixture.ledger.region.isShared, fixture.ledger.entryCount == 5_000 else { return false }
        for (entry, key) in zip(fixture.entries, fixture.keys) {
          guard entry.requestRelease(key: key) == .releaseNow, entry.endLife(as: .idle) else { return false }
        }
        return (try? fixture.ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 9))) != nil
      }
      #expect(status == 0)
      #expect(fixture.entries.allSatisfy { $0.word.state == .live })
    }
  }

  @Test("An entry that another thread changed while the process forked is used for nothing else in the child")
  func changedDuringFork() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture(count: 10)
      let (entries, keys) = (fixture.entries, fixture.keys)
      for index in 5..<10 { _ = entries[index].endLife(as: .idle) }
      let free = try fixture.ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 9))
      fixture.ledger.releaseEntry(free)
      var late: [EntryWord] = []
      // Runs in the fork, after the copy was made: it does what a thread without locks may do then.
      let member = ForkGuard.inFork(
        before: {
          // 0 is disposed; 1 is disposed and reused; 5 is taken; 6 is taken and disposed again.
          _ = entries[0].requestRelease(key: keys[0])
          _ = entries[0].endLife(as: .idle)
          _ = entries[1].endLife(as: .idle)
          late.append(entries[1].beginLife(byteCount: 1, site: .unknown, scope: 0))
          late.append(entries[5].beginLife(byteCount: 1, site: .unknown, scope: 0))
          late.append(entries[6].beginLife(byteCount: 1, site: .unknown, scope: 0))
          _ = entries[6].endLife(as: .idle)
          // 2 is pinned.
          _ = entries[2].pin(key: keys[2])
          late.append(free.beginLife(byteCount: 1, site: .unknown, scope: 0))
        }, inParent: {}, inChild: {})
      let status = Self.fork {
        fixture.ledger.settleInChild()
        let idle = (0..<10).filter { entries[$0].word.state == .idle }
        guard idle == [7, 8, 9] else { return false }
        guard entries[5].word.state == .quarantined, entries[6].word.state == .quarantined else { return false }
        let inDoubt = (0..<10).filter { entries[$0].flags.contains(.isInDoubt) }
        guard inDoubt == [0, 1] else { return false }
        // Handles of lives that began during the fork fit no life in the child, now or later.
        entries[1].holdBackInDoubt()
        for (entry, key) in zip([entries[1], entries[5], entries[6], free], late) {
          for _ in 0..<5 {
            guard !entry.isUsable(key: key), entry.requestRelease(key: key) == .alreadyReleased else { return false }
            _ = entry.beginLife(byteCount: 1, site: .unknown, scope: 0)
            guard !entry.isUsable(key: key), entry.endLife(as: .idle) else { return false }
          }
        }
        // What no thread changed is as it was.
        return (2..<5).allSatisfy { entries[$0].isUsable(key: keys[$0]) }
      }
      #expect(status == 0)
      member.leaveNow()
    }
  }

  @Test("A child can use the entries that were free in its parent, each of them once")
  func freeEntries() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture(count: 1_000)
      for (index, entry) in fixture.entries.enumerated() where index % 2 == 0 {
        _ = entry.endLife(as: .free)
        fixture.ledger.releaseEntry(entry)
      }
      let status = Self.fork {
        var taken: Set<Int> = []
        for _ in 0..<500 {
          guard let entry = try? fixture.ledger.acquireEntry(.init(domain: DomainNumber(rawValue: 1), bucket: 9))
          else { return false }
          taken.insert(fixture.ledger.index(of: entry))
        }
        return taken.count == 500 && taken.allSatisfy { $0 % 2 == 0 } && fixture.ledger.entryCount == 1_000
      }
      #expect(status == 0)
    }
  }

  @Test("A child that starts another program leaves nothing behind, and its parent goes on")
  func exec() async {
    await #expect(processExitsWith: .success) {
      let fixture = try Fixture(count: 10)
      let child = Forking.fork()
      if child == 0 {
        var arguments: [UnsafeMutablePointer<CChar>?] = unsafe [strdup("true"), nil]
        _ = unsafe execv("/bin/true", &arguments)
        _exit(127)
      }
      #expect(Forking.status(of: child) == 0)
      #expect(LedgerRegionTests.ledgers().count == 1)
      #expect(try Command.run("/bin/true", []).exitCode == 0)
      #expect(fixture.entries.allSatisfy { $0.word.state == .live })
    }
  }
}

extension Ledger {
  fileprivate var flagsInDoubt: Int { (0..<entryCount).count { entry(at: $0).flags.contains(.isInDoubt) } }
}
