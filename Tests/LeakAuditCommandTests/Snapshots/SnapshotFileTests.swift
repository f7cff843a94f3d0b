// SPDX-License-Identifier: Apache-2.0

import Foundation
import ResourceLedger
import TestSupport
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

  @Test("A small file that would become very large takes no more memory than snapshots of its size, and is refused")
  func bomb() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let folder = try ScratchFolder()
      let file = folder.path + "/bomb"
      let made = try Command.run("/bin/sh", ["-c", "head -c 300000000 /dev/zero | gzip -9 >\"$0\"", file])
      guard made.exitCode == 0 else { exit(1) }
      let bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      let limit = SnapshotFile.largestByteCount(inFileOf: bytes.count)
      guard limit < 20_000_000 else { exit(2) }
      // The peak of the resident set starts again from the size of now.
      try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
      let before = Self.peak
      do throws(CommandFailure) {
        _ = try LedgerTarget.file(file).snapshot()
        exit(3)
      } catch {
        guard error.description.contains("is too large for a snapshot") else { exit(4) }
      }
      print("grew by \(Self.peak - before), limit \(limit)")
      guard Self.peak - before <= 2 * limit + 4 << 20 else { exit(5) }
    }
  }

  /// The greatest resident set so far, in bytes.
  private static var peak: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) * 1_024
  }

  @Test("A file that is larger than any snapshot is refused as that, and is not read; nor is any to know its kind")
  func large() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let folder = try ScratchFolder()
      let path = try folder.write(SnapshotFile.signature, "large")
      guard unsafe truncate(path, 40 << 20) == 0, unsafe chdir(folder.path) == 0 else { exit(1) }
      let before = Self.readCount
      guard try LedgerTarget("large") == .file("large") else { exit(2) }
      guard Self.readCount - before < 1 << 20 else { exit(3) }
      guard unsafe truncate(path, 100 << 20) == 0 else { exit(4) }
      do throws(CommandFailure) {
        _ = try LedgerTarget.file(path).snapshot()
        exit(5)
      } catch {
        guard error.description.contains("is too large for a snapshot") else { exit(6) }
      }
      guard Self.readCount - before < 1 << 20 else { exit(7) }
    }
  }

  /// The bytes that this process has read.
  private static var readCount: Int {
    let text = (try? String(contentsOfFile: "/proc/self/io", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").first.flatMap { Int($0.filter(\.isNumber)) } ?? 0
  }

  @Test("A file whose trailer lies about the length is damaged")
  func lyingLength() throws {
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
