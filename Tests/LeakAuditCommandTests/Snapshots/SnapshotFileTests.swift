// SPDX-License-Identifier: Apache-2.0

import Foundation
import LedgerReading
import ResourceLedger
import Testing

@testable import LeakAuditCommands

@Suite("Snapshots in files")
struct SnapshotFileTests {
  private let made = MadeSnapshot(
    lines: [.init(file: "Server/Cache.swift", count: 3, byteCount: 3_000)], idleByteCount: 4_096)

  @Test("A file has the whole snapshot")
  func whole() throws {
    let snapshot = made.snapshot
    #expect(try SnapshotFile.snapshot(from: SnapshotFile.bytes(of: snapshot)) == snapshot)
  }

  @Test("A row without a second of birth, as an earlier version wrote it, is read; one with another value is refused")
  func rowsWithoutBirth() throws {
    let row = "[1,2,3,0,0,4,5,6,7"
    func sum(_ end: String) throws -> SnapshotSum {
      try JSONDecoder().decode(SnapshotSum.self, from: Data((row + end).utf8))
    }
    #expect(try sum("]").oldestBirth == 0 && sum("]").capacity == 7)
    #expect(try sum(",8]").oldestBirth == 8)
    for end in [",-1]", ",4294967296]", ",null]"] { #expect(throws: DecodingError.self) { try sum(end) } }
    var old = MadeSnapshot(lines: [.init(file: "A.swift", count: 1, byteCount: 1, ageBand: 2)])
    #expect(old.snapshot.liveLines.map(old.snapshot.oldestText) == ["over 1 min"])
    old.lines[0].oldestAge = 192
    #expect(old.snapshot.liveLines.map(old.snapshot.oldestText) == ["3 min 12 s"])
  }

  @Test("A file that is cut at any place, or continued, is refused as that")
  func cut() throws {
    let bytes = try SnapshotFile.bytes(of: made.snapshot)
    for end in 0..<bytes.count {
      #expect(throws: SnapshotFileError.cutShort) { try SnapshotFile.snapshot(from: Array(bytes[..<end])) }
    }
    #expect(throws: SnapshotFileError.damaged) { try SnapshotFile.snapshot(from: bytes + [0]) }
  }

  @Test("A file with a changed byte is refused, or has the same snapshot")
  func changed() throws {
    let snapshot = made.snapshot
    let bytes = try SnapshotFile.bytes(of: snapshot)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 0x10
      // Bytes of gzip's header, such as the system's number, have no meaning here.
      if let read = try? SnapshotFile.snapshot(from: changed) { #expect(read == snapshot, "byte \(index)") }
    }
  }

  @Test("A small file that would become very large takes no more than a fixed amount of memory, and is refused")
  func bomb() throws {
    var bytes = try SnapshotFile.bytes(of: made.snapshot)
    bytes.removeLast(4)
    bytes += [0xFF, 0xFF, 0xFF, 0xFF]
    #expect(throws: SnapshotFileError.damaged) { try SnapshotFile.snapshot(from: bytes) }
  }

  @Test("Redacting replaces every name by a hash that is the same in each snapshot, and keeps all numbers")
  func redacted() throws {
    let redacted = made.snapshot.redacted
    let text = try json(redacted)
    for name in ["Cache", "load", "server", "web-3", "shared"] { #expect(!text.contains(name), "\(name)") }
    #expect(redacted.liveTotals == made.snapshot.liveTotals)
    #expect(redacted == made.snapshot.redacted)
    #expect(redacted.sites[1].site.line == 12 && redacted.sites[0].site == made.snapshot.sites[0].site)
  }

  @Test(
    "The hash is SHA-256",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func hash(text: String, digits: String) {
    #expect(SHA256.hash(text.utf8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == digits)
  }
}
