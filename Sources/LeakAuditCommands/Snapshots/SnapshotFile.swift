// SPDX-License-Identifier: Apache-2.0

import CZlib
import FoundationEssentials
package import LedgerReading
package import ResourceLedger

/// A snapshot in a file: JSON, compressed as gzip. `zcat FILE` shows it, on every machine and without this program.
package enum SnapshotFile {
  /// The bytes with which each such file begins; a ledger begins with others.
  package static let signature: [UInt8] = [0x1F, 0x8B]

  /// The most bytes that the JSON of a snapshot may have. A snapshot of 65,536 lines of code has less than half of it.
  package static let largestByteCount = 64 << 20

  /// The most bytes that the JSON in a file of this size may have. Each row of a snapshot has numbers of its own, so no
  /// snapshot of more than 4 MiB becomes 64 times as small by compression: one with 10,000 resources became 8 times as
  /// small. A file that was made to fill the memory becomes up to 1,000 times as small.
  package static func largestByteCount(inFileOf byteCount: Int) -> Int {
    min(largestByteCount, max(4 << 20, 64 * byteCount))
  }

  /// The bytes of the file.
  /// - Throws: ``ValueRefusal`` if the snapshot is too large, or memory is short.
  package static func bytes(of snapshot: LedgerSnapshot) throws(ValueRefusal) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let json = try? [UInt8](encoder.encode(snapshot)), json.count <= largestByteCount else {
      throw ValueRefusal("the snapshot is too large for a file")
    }
    let capacity = czlib_compressed_bound(json.count)
    var result = CZlibDone
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
      unsafe json.withUnsafeBufferPointer { input in
        guard let start = input.baseAddress, let target = output.baseAddress else { return }
        result = unsafe czlib_compress(start, input.count, target, capacity, &count)
      }
      if result != CZlibDone { count = 0 }
    }
    guard result == CZlibDone else { throw ValueRefusal("the snapshot could not be compressed: memory is short") }
    guard json.count <= largestByteCount(inFileOf: bytes.count) else {
      throw ValueRefusal("the snapshot is too large for a file")
    }
    return bytes
  }

  /// Reads the bytes of a file. Its JSON has at most ``largestByteCount(inFileOf:)`` bytes, or the file is refused, and
  /// twice this was in memory. To decode JSON of that size takes up to 25 times as much, if it is made of the
  /// shortest numbers.
  package static func snapshot(from bytes: [UInt8]) throws(SnapshotFileError) -> LedgerSnapshot {
    guard !isCompressedLedger(bytes) else { throw .compressedLedger }
    let json = Data(try decompressed(bytes))
    do {
      return try JSONDecoder().decode(LedgerSnapshot.self, from: json).withShownTexts
    } catch {
      // Another version may have other fields, so it is looked at first.
      if let version = (try? JSONDecoder().decode(Version.self, from: json))?.version,
        version != LedgerSnapshot.currentVersion
      {
        throw .unknownVersion(version)
      }
      throw .notASnapshot(what: (error as? DecodingError)?.explanation ?? "its text is no JSON")
    }
  }

  /// Whether a ledger was compressed. Only its first bytes are looked at.
  private static func isCompressedLedger(_ bytes: [UInt8]) -> Bool {
    let magic = unsafe withUnsafeBytes(of: LedgerLayout.magic) { unsafe Array($0) }
    let capacity = magic.count
    let start = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
      unsafe bytes.withUnsafeBufferPointer { input in
        guard let start = input.baseAddress, let target = output.baseAddress else { return }
        _ = unsafe czlib_decompress(start, input.count, target, capacity, &count)
      }
    }
    return start == magic
  }

  /// The field that a snapshot of every version has.
  private struct Version: Decodable {
    let version: Int
  }

  /// Doubles the room until the text fits, because the length in the file's trailer may lie.
  private static func decompressed(_ bytes: [UInt8]) throws(SnapshotFileError) -> [UInt8] {
    let limit = largestByteCount(inFileOf: bytes.count)
    var capacity = min(limit, max(1 << 16, 8 * bytes.count))
    while true {
      var result = CZlibDamaged
      let text = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
        unsafe bytes.withUnsafeBufferPointer { input in
          guard let start = input.baseAddress, let target = output.baseAddress else { return }
          result = unsafe czlib_decompress(start, input.count, target, capacity, &count)
        }
        if result != CZlibDone { count = 0 }
      }
      switch result {
      case CZlibDone: return text
      case CZlibNoRoom where capacity < limit: capacity = min(limit, capacity * 4)
      case CZlibNoRoom: throw .tooLarge
      case CZlibNoMemory: throw .memoryIsShort
      case CZlibCutShort: throw .cutShort
      default: throw .damaged
      }
    }
  }
}

extension DecodingError {
  /// What is wrong, in the words of a person who reads the JSON.
  fileprivate var explanation: String {
    switch self {
    case .keyNotFound(let key, let context): "\(Self.field(context.codingPath + [key])) is missing"
    case .typeMismatch(_, let context): "\(Self.field(context.codingPath)) has a value of another kind"
    case .valueNotFound(_, let context): "\(Self.field(context.codingPath)) has no value"
    case .dataCorrupted(let context) where context.codingPath.isEmpty: "its text is no JSON"
    case .dataCorrupted(let context): "\(Self.field(context.codingPath)) has a value that no snapshot has"
    @unknown default: "its text is no JSON"
    }
  }

  /// "its field \"sums.3.site\"".
  private static func field(_ path: [any CodingKey]) -> String {
    let names = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
    return path.isEmpty ? "its text" : "its field \"\(names.shownOnTerminals)\""
  }
}
