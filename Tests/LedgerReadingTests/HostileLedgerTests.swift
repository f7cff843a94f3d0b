// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@testable import LedgerReading

@Suite("Hostile ledgers")
struct HostileLedgerTests {
  /// A ledger with a few records in each table.
  private static func image() -> LedgerImage {
    var image = LedgerImage()
    let sites = (1...5).map { image.addSite("Module/File\($0).swift", $0, "function\($0)()", rescued: ($0 % 2, $0)) }
    let domains = [image.addDomain(1, "arena"), image.addDomain(3, "registry"), image.addDomain(5, "files")]
    for index in 0..<40 {
      image.addEntry(
        LedgerImage.State(rawValue: UInt64(index % 4))!, bits: index % 8 == 2 ? 1 << 2 : 0, byteCount: index * 100,
        capacity: index * 128, site: sites[index % 5], domain: domains[index % 3], bucket: index,
        flags: UInt8(index & 0x27), birth: index * 20, scope: index | (index & 8) << 28, generation: index)
    }
    image.setCount(.scopes, 20)
    for index in 1..<20 { image.set(image.offset(.scopes, index), UInt32(index)) }
    image.set(264, UInt64(2))
    image.set(image.offset(.answers), UInt64(2))
    image.set(image.offset(.answers) + 16, UInt32(2))
    image.set(image.offset(.answers) + 20, UInt32(9))
    for index in 1...50 { image.set(image.offset(.history, index), UInt32(index)) }
    for index in 0..<4 { image.set(image.offset(.peaks, index) + 4, UInt32(1 + index % 2)) }
    return image
  }

  /// A value that a careless reader stumbles over.
  private static func value(_ generator: inout SeededGenerator) -> UInt64 {
    let special: [UInt64] = [
      0, 1, 2, 3, 63, 64, 65, 127, 128, 255, 4_095, 4_096, 65_535, 65_536, 1 << 31, 1 << 32 - 1, 1 << 32, 1 << 48,
      1 << 56, 1 << 62, 1 << 63 - 1, 1 << 63, .max - 1, .max,
    ]
    return Bool.random(using: &generator) ? special.randomElement(using: &generator)! : generator.next()
  }

  @Test("Any bytes give a snapshot or a typed error")
  func mutations() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("mutations of a ledger: seed \(seed)")
    var generator = SeededGenerator(seed: seed)
    let sound = Self.image()
    let path = sound.writeFile()
    defer { unsafe unlink(path) }
    let file = unsafe open(path, O_RDWR | O_CLOEXEC)
    defer { close(file) }
    var codes: Set<LedgerReadingError.Code> = []
    var snapshots = 0
    // Each kind of outcome comes up soon. Without an end, the test would be stopped by its time limit.
    let kinds: Set<LedgerReadingError.Code> = [.damaged, .cutShort, .unknownVersion, .notALedger]
    let count = TestLength.choose(700, long: 20_000)
    var made = 0
    while made < count || !codes.isSuperset(of: kinds) {
      made += 1
      var image = sound
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        // Half of the changes are in the header: without it, nothing is read.
        let end = Bool.random(using: &generator) ? 1_400 : image.bytes.count - 8
        let offset = Int.random(in: 0..<end, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: image.set(offset & ~3, UInt32(truncatingIfNeeded: Self.value(&generator)))
        case 1: image.set(offset & ~7, Self.value(&generator))
        default: image.set(offset, UInt8.random(in: 0...255, using: &generator))
        }
      }
      if Int.random(in: 0..<20, using: &generator) == 0 {
        image.resize(to: Int.random(in: 0...image.bytes.count + 5_000, using: &generator))
      }
      image.write(to: file)
      do throws(LedgerReadingError) {
        let snapshot = try LedgerReader(path: path).snapshot()
        snapshots += 1
        // What was read holds together.
        #expect(snapshot.sums.allSatisfy { $0.count > 0 && $0.byteCount >= 0 && $0.capacity >= 0 })
        #expect(snapshot.refersOnlyToWhatIsThere)
      } catch {
        codes.insert(error.code)
      }
    }
    #expect(snapshots > made / 20)
  }

  @Test("A file of many terabytes of holes, with counts to match, is read at once")
  func holes() throws {
    var image = LedgerImage()
    let entries = 1 << 36
    image.set(LedgerImage.Table.entries.row + 8, UInt64(1 << 20))
    image.set(LedgerImage.Table.entries.row + 16, UInt64(entries))
    image.set(LedgerImage.Table.entries.row + 24, UInt64(entries))
    image.set(16, UInt64(1 << 20 + entries * 64))
    // On tmpfs, because not every file system has such large files.
    let path = image.writeFile(in: "/dev/shm")
    defer { unsafe unlink(path) }
    let file = unsafe open(path, O_RDWR | O_CLOEXEC)
    defer { close(file) }
    try #require(ftruncate(file, off_t(1 << 20 + entries * 64)) == 0)
    // One entry is far behind the others.
    var record = [UInt8](repeating: 0, count: 64)
    record[0] = 2
    record[16] = 9
    let place = 1 << 20 + (entries - 5) * 64
    #expect(unsafe pwrite(file, record, 64, off_t(place)) == 64)
    let snapshot = try LedgerReader(path: path).snapshot()
    #expect(snapshot.largest.map(\.index) == [entries - 5] && snapshot.largest.map(\.byteCount) == [9])
  }

  @Test("A file that is cut and restored while it is read gives a snapshot or a typed error, and no signal")
  func cutting() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let image = Self.image()
      let path = image.writeFile()
      defer { unsafe unlink(path) }
      let file = unsafe open(path, O_RDWR)
      let isOver = Flag()
      let cutter = Worker {
        while !isOver.isSet {
          _ = ftruncate(file, 9_000)
          _ = ftruncate(file, off_t(image.bytes.count + 4_096))
          image.write(to: file)
        }
      }
      var codes: Set<LedgerReadingError.Code> = []
      // Each kind of outcome comes up soon. Without an end, the test would be stopped by its time limit.
      while !codes.contains(.cutShort) || !(codes.contains(.changedWhileRead) || codes.contains(.notALedger)) {
        do throws(LedgerReadingError) {
          _ = try LedgerReader(path: path).snapshot()
        } catch {
          codes.insert(error.code)
        }
      }
      isOver.set()
      cutter.wait()
      guard codes.isSubset(of: [.damaged, .cutShort, .changedWhileRead, .notALedger, .notFinished]) else { exit(1) }
    }
  }

  @Test("A ledger in which every entry is of another kind makes its reader no larger than twice the file and 4 MiB")
  func memory() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let count = 200_000
      var image = LedgerImage(capacities: [.entries: count, .sites: count, .strings: 64])
      for index in 0..<count {
        let site = index == 0 ? 0 : image.addSite([], index, [])
        image.addEntry(byteCount: index, site: site, bucket: index & 0x7F, birth: 1 + index % 999)
      }
      let byteCount = image.bytes.count
      let path = image.writeFile()
      defer { unsafe unlink(path) }
      image = LedgerImage()
      // The peak of the resident set starts again from the size of now.
      try "5".write(toFile: "/proc/self/clear_refs", atomically: false, encoding: .utf8)
      let before = Self.peak
      let snapshot = try LedgerReader(path: path).snapshot()
      let growth = Self.peak - before
      guard snapshot.sums.count == count, snapshot.sites.count == count else { exit(1) }
      print("grew by \(growth) for \(byteCount)")
      guard growth <= 2 * byteCount + 4 << 20 else { exit(2) }
    }
  }

  /// The greatest resident set so far, in bytes.
  private static var peak: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") } ?? ""
    return (Int(line.filter(\.isNumber)) ?? 0) * 1_024
  }
}
