// SPDX-License-Identifier: Apache-2.0

import Glibc
import LedgerReading
import TestSupport

// The libFuzzer target for the reader of ledgers. An input is a list of changes to a sound ledger, 11 bytes each, so
// that the fuzzer needs no kilobytes of zeros to get past the checks of the header. `.ci/fuzz` builds and runs it.

/// Runs one input, for libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzLedger(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  unsafe LedgerTrial.shared.run(Array(UnsafeBufferPointer(start: start, count: count)))
  return 0
}

/// Changes a ledger, and reads it. That must give a snapshot or an error; otherwise the process ends, and libFuzzer
/// keeps the input.
final class LedgerTrial {
  // SAFETY: libFuzzer calls from one thread.
  nonisolated(unsafe) static let shared = LedgerTrial()

  private static var changeSize: Int { 11 }

  private let sound = LedgerTrial.soundImage()
  private let file: Int32
  private let path: String

  private init() {
    let name = sound.writeFile(in: "/dev/shm")
    file = unsafe open(name, O_RDWR | O_CLOEXEC)
    unsafe unlink(name)
    path = "/proc/self/fd/\(file)"
  }

  /// A ledger with records in each table.
  private static func soundImage() -> LedgerImage {
    var image = LedgerImage(capacities: [.history: 64])
    let sites = (1...6).map { image.addSite("Module/File\($0).swift", $0, "function\($0)()", rescued: ($0 % 2, $0)) }
    // A stack, which leads to the first line.
    let stack = image.addSite("", 0, "")
    image.set(image.offset(.sites, stack) + 8, UInt32(sites[0]))
    image.set(image.offset(.sites, stack) + 20, UInt32(1))
    let domains = [image.addDomain(1, "arena"), image.addDomain(3, "registry"), image.addDomain(5, "files")]
    for index in 0..<48 {
      image.addEntry(
        LedgerImage.State(rawValue: UInt64(index % 4)) ?? .live,
        bits: UInt64(index % 7) << 3 | (index % 8 == 2 ? 1 << 2 : 0), byteCount: index * 100, capacity: index * 128,
        site: index % 8, domain: domains[index % 3], bucket: index, flags: UInt8(index & 0x27), birth: index * 20,
        scope: index | (index & 8) << 28, generation: index)
    }
    image.setCount(.scopes, 20)
    for index in 1..<20 { image.set(image.offset(.scopes, index), UInt32(index)) }
    image.set(264, UInt64(2))
    image.set(image.offset(.answers), UInt64(2))
    image.set(image.offset(.answers) + 16, UInt32(2))
    image.set(image.offset(.answers) + 20, UInt32(9))
    for index in 0..<9 { image.set(image.offset(.answerClasses, index), UInt32(1)) }
    for index in 0..<2 { image.set(image.offset(.answerArenas, index), UInt32(1)) }
    for index in 1...50 { image.set(image.offset(.history, index), UInt32(960 + index)) }
    for index in 0..<4 { image.set(image.offset(.peaks, index) + 4, UInt32(1 + index % 2)) }
    return image
  }

  func run(_ input: [UInt8]) {
    var image = sound
    var change = 0
    while change + Self.changeSize <= input.count {
      let selector = Int(input[change])
      let offset = Int(input[change + 1]) | Int(input[change + 2]) << 8
      let value = (0..<8).reduce(UInt64(0)) { $0 | UInt64(input[change + 3 + $1]) << (8 * UInt64($1)) }
      Self.apply(selector, offset, value, to: &image)
      change += Self.changeSize
    }
    image.write(to: file)
    do throws(LedgerReadingError) {
      let snapshot = try LedgerReader(path: path).snapshot(.init(leastAge: 700))
      guard snapshot.refersOnlyToWhatIsThere else { fatalError("A row refers to what is not there") }
      guard snapshot.sums.allSatisfy({ $0.count > 0 && $0.byteCount >= 0 && $0.capacity >= 0 }) else {
        fatalError("A sum is negative")
      }
      var options = SnapshotAudit.Options()
      options.leastAge = 700
      _ = SnapshotAudit(snapshot, options).findings.count
    } catch {
      guard !error.description.isEmpty else { fatalError("An error without a text") }
    }
  }

  /// One change: a number of 1, 2, 4 or 8 bytes in the header or in a table, or another size of the file.
  private static func apply(_ selector: Int, _ offset: Int, _ value: UInt64, to image: inout LedgerImage) {
    if selector >> 6 == 3 { return image.resize(to: offset) }
    let tables = LedgerImage.Table.allCases
    let number = selector & 15
    let place =
      number < 16 - tables.count
      ? offset % 1_400 : image.offset(tables[number - (16 - tables.count)]) + offset % 4_096
    guard place + 8 <= image.bytes.count else { return }
    switch selector >> 4 & 3 {
    case 0: image.set(place, UInt8(truncatingIfNeeded: value))
    case 1: image.set(place & ~1, UInt16(truncatingIfNeeded: value))
    case 2: image.set(place & ~3, UInt32(truncatingIfNeeded: value))
    default: image.set(place & ~7, value)
    }
  }
}
