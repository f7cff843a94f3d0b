// SPDX-License-Identifier: Apache-2.0

import CImageCodecs

/// Reads bytes that can be wrong or hostile. No offset that they contain can lead outside: a read outside returns nil.
struct BoundedReader: ~Escapable {
  private let bytes: RawSpan

  @_lifetime(copy bytes)
  init(bytes: RawSpan) { self.bytes = bytes }

  var count: Int { bytes.byteCount }

  func byte(at position: Int) -> UInt8? {
    guard position >= 0, position < bytes.byteCount else { return nil }
    // SAFETY: the guard above has checked that the byte lies within the span.
    return unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self)
  }

  func integer(at position: Int, byteCount: Int, isLittle: Bool = false) -> Int? {
    var value = 0
    for i in 0..<byteCount {
      guard let byte = byte(at: position + (isLittle ? byteCount - 1 - i : i)) else { return nil }
      value = value << 8 | Int(byte)
    }
    return value
  }

  func has(_ expected: [UInt8], at position: Int) -> Bool {
    expected.indices.allSatisfy { byte(at: position + $0) == expected[$0] }
  }

  /// Continues a PNG's checksum, which starts from 0. The range must lie within the bytes.
  func checksum(of range: Range<Int>, continuing checksum: UInt32) -> UInt32 {
    unsafe bytes.extracting(range).withUnsafeBytes { bytes in
      unsafe cimage_checksum(checksum, bytes.baseAddress, bytes.count)
    }
  }

  /// What gzip compressed: its first bytes, and whether there may be more of them once more compressed ones are there.
  func inflatedGzip(upTo capacity: Int) -> (content: [UInt8], mayGoOn: Bool) {
    var report = cimage_report()
    let content = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { destination, count in
      unsafe bytes.withUnsafeBytes { bytes in
        _ = unsafe cimage_inflate(
          bytes.baseAddress, bytes.count, true, destination.baseAddress, capacity, &count, &report)
      }
    }
    return (content, report.status == CIMAGE_TRUNCATED)
  }

  @_lifetime(copy self)
  func part(_ range: Range<Int>) -> BoundedReader { BoundedReader(bytes: bytes.extracting(range)) }
}
