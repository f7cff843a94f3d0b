// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Ledgers that are damaged, cut, or none at all")
struct LedgerDamageTests {
  /// Why a file cannot be read; nil if it can.
  private func refusal(_ path: String) -> LedgerReadingError? {
    do throws(LedgerReadingError) {
      _ = try LedgerReader(path: path).snapshot()
      return nil
    } catch {
      #expect(!error.description.isEmpty)
      return error
    }
  }

  private func refusal(_ image: LedgerImage) -> LedgerReadingError? {
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    return refusal(path)
  }

  private func refusal(_ change: (inout LedgerImage) -> Void) -> LedgerReadingError? {
    var image = LedgerImage()
    change(&image)
    return refusal(image)
  }

  @Test("What is no ledger is refused as that, whatever it is")
  func noLedger() {
    for size in [0, 1, 8, 11, 12, 5_000] {
      #expect(
        refusal {
          $0.set(0, UInt8(ascii: "X"))
          $0.resize(to: size)
        }?.reason == .notALedger(.bytes(size)))
    }
    // Its process writes the first bytes last but one.
    for size in [8, 11, 5_000] {
      let error = refusal {
        $0.set(0, UInt64(0))
        $0.resize(to: size)
      }
      #expect(error?.reason == .notFinished && error?.isOfUnfinishedLedger == true)
      #expect(error?.description.contains("is no ledger yet") == true)
    }
    let pipe = "/tmp/ledger-pipe-\(getpid())"
    #expect(unsafe mkfifo(pipe, 0o600) == 0)
    defer { unsafe unlink(pipe) }
    // A pipe without a writer, a device without an end, a folder.
    for (path, reason) in [(pipe, .pipe), ("/dev/zero", .device), ("/tmp", .folder)]
      as [(String, LedgerReadingError.NotALedger)]
    {
      #expect(refusal(path)?.reason == .notALedger(reason))
    }
    #expect(refusal("/nowhere/at/all")?.code == .noSuchFile)
  }

  @Test("A file of another user is refused, and the message says what to do")
  func permission() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let path = LedgerImage().writeFile()
      defer { unsafe unlink(path) }
      guard geteuid() == 0, seteuid(65_534) == 0 else { return }
      do throws(LedgerReadingError) {
        _ = try LedgerReader(path: path)
        exit(1)
      } catch {
        guard error.code == .notPermitted, error.systemErrorNumber == EACCES, error.description.contains("as root")
        else { exit(2) }
      }
      guard seteuid(0) == 0 else { exit(3) }
    }
  }

  @Test("A ledger of another version is refused, and the message names both versions", arguments: [0, 1, 3, 77])
  func version(_ version: Int) {
    let error = refusal { $0.set(8, UInt32(version)) }
    #expect(error?.code == .unknownVersion)
    #expect(error?.description.contains("version \(version), and this program reads version 2") == true)
  }

  @Test("A ledger that is cut anywhere is refused as that, with how many bytes it has and should have")
  func cut() {
    let whole = LedgerImage().bytes.count
    for size in [8, 12, 100, 1_023, 4_095, 4_096, 8_192, whole - 4_096, whole - 1] {
      let error = refusal { $0.resize(to: size) }
      #expect(error?.reason == .cutShort(byteCount: size, wanted: size < 4_096 ? nil : whole))
      #expect(error?.description.contains("is cut short: it has \(size.grouped) bytes, ") == true)
    }
    #expect(refusal { $0.set(16, UInt64(whole + 1)) }?.reason == .cutShort(byteCount: whole, wanted: whole + 1))
    #expect(refusal { $0.set(16, UInt64.max) }?.reason == .cutShort(byteCount: whole, wanted: .max))
    #expect(refusal { $0.resize(to: whole + 10_000) } == nil)
  }

  @Test("A header that contradicts itself is refused, and the message names the place")
  func header() {
    let changes: [(String, Int, (inout LedgerImage) -> Void)] = [
      ("state", 12, { $0.set(12, UInt32(4)) }),
      ("page size", 24, { $0.set(24, UInt32(0)) }),
      ("page size", 24, { $0.set(24, UInt32(4_097)) }),
      ("page size", 24, { $0.set(24, UInt32(1 << 30)) }),
      ("directory has", 28, { $0.set(28, UInt32(33)) }),
      ("directory has no table", 1_024, { $0.set(28, UInt32(0)) }),
      ("directory has no table 3", 1_024, { $0.set(LedgerImage.Table.strings.row, UInt32(0)) }),
      ("size is", 16, { $0.set(16, UInt64(0)) }),
      ("twice", LedgerImage.Table.peaks.row, { $0.set(LedgerImage.Table.peaks.row, UInt32(10)) }),
      (
        "overlap", LedgerImage.Table.sites.row,
        { $0.set(LedgerImage.Table.sites.row + 8, UInt64($0.offset(.entries))) }
      ),
    ]
    for (text, offset, change) in changes {
      let error = refusal(change)
      #expect(
        error?.code == .damaged && error?.description.contains(text) == true, "\(text): \(String(describing: error))")
      guard case .damaged(_, offset)? = error?.reason else {
        Issue.record("\(text): \(String(describing: error?.reason))")
        continue
      }
    }
  }

  @Test("A row of the directory that cannot be is refused, for each table", arguments: LedgerImage.Table.allCases)
  func directory(_ table: LedgerImage.Table) {
    let row = table.row
    for size in [0, 1, table.recordSize - 1, table.recordSize + 1, 1 << 17, Int(UInt32.max)]
    where size != table.recordSize {
      #expect(refusal { $0.set(row + 4, UInt32(size)) }?.code == .damaged, "record size \(size)")
    }
    for offset in [0, 4_095, 4_097, 1 << 40, Int.max, -4_096] {
      #expect(refusal { $0.set(row + 8, UInt64(bitPattern: Int64(offset))) }?.code == .damaged, "offset \(offset)")
    }
    for capacity in [1 << 20, 1 << 58, 1 << 62, Int.max, -1] {
      #expect(refusal { $0.set(row + 16, UInt64(bitPattern: Int64(capacity))) }?.code == .damaged, "room \(capacity)")
    }
    for count in [10_000, Int.max, -1] {
      #expect(refusal { $0.set(row + 24, UInt64(bitPattern: Int64(count))) }?.code == .damaged, "count \(count)")
    }
  }

  @Test("Tables of unknown kinds and longer records are skipped and stepped over")
  func extensions() throws {
    var image = LedgerImage(capacities: [.entries: 256])
    image.set(LedgerImage.Table.peaks.row, UInt32(99))
    image.set(LedgerImage.Table.entries.row + 4, UInt32(128))
    image.set(LedgerImage.Table.entries.row + 16, UInt64(128))
    // Of 6 records of 64 bytes, each second one is the beginning of a record of 128.
    for size in 1...6 { image.addEntry(byteCount: size, birth: 1) }
    image.setCount(.entries, 3)
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    let snapshot = try LedgerReader(path: path).snapshot()
    #expect(snapshot.largest.map(\.byteCount) == [5, 3, 1] && snapshot.damage.isEmpty && snapshot.peaks.isEmpty)
  }

  @Test("Records with values that no ledger has are counted, and all others are read")
  func records() throws {
    var image = LedgerImage()
    let site = image.addSite("A.swift", 1, "a()")
    let broken = image.addSite("B.swift", 2, "b()")
    image.set(image.offset(.sites, broken) + 4, UInt32(5_000))
    image.addEntry(byteCount: 10, site: site, birth: 1)
    let state = image.addEntry(byteCount: 1, birth: 1)
    image.set(image.offset(.entries, state), UInt64(5))
    image.addEntry(byteCount: 1, site: 3, birth: 1)
    image.addEntry(byteCount: 1, domain: 1, birth: 1)
    image.addEntry(byteCount: 1 << 49, birth: 1)
    image.addEntry(capacity: -1, birth: 1)
    image.addEntry(byteCount: 20, site: broken, birth: 1)
    image.addEntry(byteCount: 30, birth: 5_000)
    image.set(264, UInt64(3))
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    let snapshot = try LedgerReader(path: path).snapshot()
    #expect(snapshot.largest.map(\.byteCount) == [30, 20, 10] && snapshot.largest.map(\.age) == [0, 999, 999])
    #expect(snapshot.largest.map { snapshot.sites[$0.site].site.file } == ["(unknown)", "(damaged)", "A.swift"])
    #expect(
      snapshot.damage == [
        LedgerDamage(what: "an entry has a state that does not exist", count: 1, firstIndex: 1),
        LedgerDamage(what: "an entry names a line that does not exist", count: 1, firstIndex: 2),
        LedgerDamage(what: "an entry names a domain that does not exist", count: 1, firstIndex: 3),
        LedgerDamage(what: "an entry has more bytes than a process can have", count: 2, firstIndex: 4),
        LedgerDamage(what: "a line has no readable text", count: 1, firstIndex: 2),
        LedgerDamage(what: "an answer has another number than the header says", count: 1, firstIndex: 1),
      ])
  }

  @Test("An answer that has more rows than there is room for is not read")
  func answers() throws {
    for (field, rows) in [(16, 17), (20, 33), (16, Int(UInt32.max))] {
      var image = LedgerImage()
      image.set(264, UInt64(1))
      image.set(image.offset(.answers, 1), UInt64(1))
      image.set(image.offset(.answers, 1) + field, UInt32(rows))
      let path = image.writeFile()
      defer { unsafe unlink(path) }
      let snapshot = try LedgerReader(path: path).snapshot()
      #expect(
        snapshot.answer == nil && snapshot.damage.map(\.what) == ["an answer has more rows than there is room for"])
    }
  }

  @Test("A ledger whose identity and clock stayed in the midst of a change is read without them")
  func tornHeader() throws {
    var image = LedgerImage()
    image.set(12, UInt32(0))
    image.set(32, UInt32(1))
    image.set(192, UInt32(7))
    image.addEntry(byteCount: 1, birth: 990)
    let path = image.writeFile()
    defer { unsafe unlink(path) }
    let snapshot = try LedgerReader(path: path).snapshot()
    #expect(snapshot.process == nil && snapshot.status == .beingMade && snapshot.isRunning == nil)
    #expect(snapshot.largest.map(\.age) == [10])
  }
}
