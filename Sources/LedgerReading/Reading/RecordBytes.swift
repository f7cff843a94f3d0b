// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Memory for a copy of some bytes of a ledger.
// SAFETY: the memory is this object's own; an access is checked against its size.
@safe final class RecordBytes {
  let buffer: UnsafeMutableRawBufferPointer

  init(count: Int) {
    unsafe buffer = .allocate(byteCount: count, alignment: 64)
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { unsafe buffer.deallocate() }

  var count: Int { unsafe buffer.count }

  /// A part of the memory, to read into it.
  func part(_ range: Range<Int>) -> UnsafeMutableRawBufferPointer {
    unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[range])
  }

  /// A part of the memory. It is valid as long as this object: the caller keeps it until the record is out of use.
  @inline(__always)
  func record(at offset: Int, count: Int) -> LedgerRecord {
    precondition(offset >= 0 && count >= 0 && offset <= self.count - count)
    return unsafe LedgerRecord(UnsafeRawBufferPointer(start: buffer.baseAddress! + offset, count: count))
  }

  func withRecord<R>(_ body: (LedgerRecord) -> R) -> R {
    withExtendedLifetime(self) { body(record(at: 0, count: count)) }
  }

  func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
    withRecord { $0.number(at: offset, as: type) }
  }
  /// 4 bytes.
  func word(at offset: Int) -> Int { withRecord { $0.word(at: offset) } }
  /// 8 bytes; at most `Int.max`.
  func long(at offset: Int) -> Int { withRecord { $0.long(at: offset) } }
  /// A text of a given length.
  func text(at offset: Int, count: Int) -> String { withRecord { $0.text(at: offset, count: count) } }
  /// A text that is padded with zeros.
  func paddedText(at offset: Int, count: Int) -> String { withRecord { $0.paddedText(at: offset, count: count) } }
}

/// A copy of a record, or of another part of a ledger. Numbers are little endian, as they are on every machine on which
/// this runs.
// SAFETY: points to memory of a `RecordBytes`, which whoever passes this on keeps; each access is checked.
@safe struct LedgerRecord {
  private let bytes: UnsafeRawBufferPointer

  fileprivate init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

  private var count: Int { unsafe bytes.count }

  @inline(__always)
  func number<Number: FixedWidthInteger>(at offset: Int, as type: Number.Type) -> Number {
    precondition(offset >= 0 && offset <= count &- MemoryLayout<Number>.size)
    return unsafe bytes.baseAddress!.loadUnaligned(fromByteOffset: offset, as: type)
  }
  /// 4 bytes.
  func word(at offset: Int) -> Int { Int(number(at: offset, as: UInt32.self)) }
  /// 8 bytes; at most `Int.max`.
  func long(at offset: Int) -> Int { Int(clamping: number(at: offset, as: UInt64.self)) }
  /// A text of a given length.
  func text(at offset: Int, count: Int) -> String {
    precondition(offset >= 0 && count >= 0 && offset <= self.count - count)
    return unsafe String(ledgerText: bytes[offset..<offset + count])
  }
  /// A text that is padded with zeros.
  func paddedText(at offset: Int, count: Int) -> String {
    let length = (0..<count).first { number(at: offset + $0, as: UInt8.self) == 0 }
    return text(at: offset, count: length ?? count)
  }
  func hasSameBytes(as other: LedgerRecord) -> Bool {
    return unsafe count == other.count && memcmp(bytes.baseAddress!, other.bytes.baseAddress!, count) == 0
  }
}
