// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import Testing

@testable import LeakAuditCommands
@testable import LedgerReading

@Suite("Snapshots in files")
struct SnapshotFileTests {
  private let made = MadeSnapshot(
    lines: [.init(file: "Server/Cache.swift", count: 3, byteCount: 3_000)], idleByteCount: 4_096)

  @Test("A file has the whole snapshot")
  func whole() throws {
    let snapshot = made.snapshot
    #expect(try SnapshotFile.snapshot(from: SnapshotFile.bytes(of: snapshot)) == snapshot)
  }

  @Test("Texts that could move a terminal's cursor are escaped when a file is read")
  func hostileTexts() throws {
    let text = "\u{1B}]0;title\u{7}e\nv\u{202E}l\u{9B}31m"
    var snapshot = made.snapshot
    snapshot.process?.command = text
    snapshot.process?.host = text
    snapshot.process?.bootID = text
    snapshot.sites[1].site.file = text
    snapshot.sites[1].site.function = text
    snapshot.domains[1].name = text
    snapshot.scopes = [SnapshotScope(number: 1, parent: 0, name: text, began: 1, ended: nil)]
    snapshot.damage = [LedgerDamage(what: text, count: 1, firstIndex: 1)]
    snapshot.answer = LedgerAnswer(
      number: 1, second: 1, age: 0, isComplete: true, malloc: text, mallocByteCount: 0, metadata: 0, residentSet: 0,
      arenas: [], classes: [])
    let read = try SnapshotFile.snapshot(from: SnapshotFile.bytes(of: snapshot))
    let shown = "\\u{1B}]0;title\\u{7}e\\u{A}v\\u{202E}l\\u{9B}31m"
    #expect(read.process?.command == shown && read.process?.host == shown && read.process?.bootID == shown)
    #expect(read.sites[1].site.file == shown && read.sites[1].site.function == shown)
    #expect(read.domains[1].name == shown && read.scopes[0].name == shown)
    #expect(read.damage[0].what == shown && read.answer?.malloc == shown)
    // Whatever text is added to snapshots later: no control character is left in any of them.
    let all = String(decoding: try JSONEncoder().encode(read), as: UTF8.self)
    #expect(!all.contains("\\u001b") && !all.contains("\\u0007") && !all.unicodeScalars.contains { $0.value == 0x9B })
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
    var made = made
    made.books = (13, 12, 1)
    let redacted = made.snapshot.redacted
    let text = try json(redacted)
    for name in ["Cache", "load", "server", "web-3", "shared", "d2b1c1a2", "libc.so"] {
      #expect(!text.contains(name), "\(name)")
    }
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
