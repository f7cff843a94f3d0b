// SPDX-License-Identifier: Apache-2.0

import CZlib
import FoundationEssentials
package import LedgerReading

/// A snapshot in a file: JSON, compressed as gzip. `zcat FILE` shows it, on every machine and without this program.
package enum SnapshotFile {
  /// The bytes with which each such file begins; a ledger begins with others.
  package static let signature: [UInt8] = [0x1F, 0x8B]

  /// The most bytes that the JSON of a snapshot may have. A snapshot of the most lines and resources has a tenth of it.
  package static let largestByteCount = 256 << 20

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
    return bytes
  }

  /// Reads the bytes of a file. It takes at most a fixed multiple of their number in memory, plus 1 MiB.
  package static func snapshot(from bytes: [UInt8]) throws(SnapshotFileError) -> LedgerSnapshot {
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

  /// The field that a snapshot of every version has.
  private struct Version: Decodable {
    let version: Int
  }

  /// Doubles the room until the text fits, because the length in the file's trailer may lie.
  private static func decompressed(_ bytes: [UInt8]) throws(SnapshotFileError) -> [UInt8] {
    var capacity = min(largestByteCount, max(1 << 16, 8 * bytes.count))
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
      case CZlibNoRoom where capacity < largestByteCount: capacity = min(largestByteCount, capacity * 4)
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
