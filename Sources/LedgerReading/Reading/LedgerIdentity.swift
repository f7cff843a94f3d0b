// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger

// The parts of the header that may change while they are read. Each has a sequence number, which is odd meanwhile.

extension LedgerProcess {
  /// - Returns: nil if the fields stayed in the midst of a change.
  init?(_ source: LedgerSource, pageSize: Int) throws(LedgerReadingError) {
    guard
      let fields = try source.stableBytes(
        sequenceAt: LedgerLayout.identityOffset, count: LedgerLayout.identityEnd - LedgerLayout.identityOffset)
    else { return nil }
    func word(_ offset: Int) -> Int { fields.word(at: offset - 32) }
    let parent = word(36)
    id = word(40)
    parentID = parent == 0 ? nil : parent
    userID = word(44)
    startTime = fields.number(at: 48 - 32, as: UInt64.self)
    pidNamespace = fields.number(at: 56 - 32, as: UInt64.self)
    bootID = Self.bootID((0..<16).map { fields.number(at: 64 - 32 + $0, as: UInt8.self) })
    command = fields.paddedText(at: 80 - 32, count: 16)
    host = fields.paddedText(at: 96 - 32, count: 64)
    madeAt = fields.number(at: 160 - 32, as: UInt64.self)
    self.pageSize = pageSize
  }

  /// 16 bytes as the kernel shows them: `1b4e28ba-2fa1-11d2-883f-0016d3cca427`. Nil for zeros, which stand for "not
  /// known".
  private static func bootID(_ bytes: [UInt8]) -> String? {
    guard bytes.contains(where: { $0 != 0 }) else { return nil }
    var text = ""
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text += "-" }
      text += String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }
    return text
  }
}

/// The fields of the ledger's clock in the header.
struct ClockFields {
  var second = 0
  var longestGap = 0
  var isMaintained = false
  /// Nanoseconds of the process's CLOCK_MONOTONIC, and since 1970.
  var monotonic: UInt64 = 0
  var realtime: UInt64 = 0

  init(_ source: LedgerSource) throws(LedgerReadingError) {
    // If the process died while it refreshed the clock, the fields are of two seconds that follow each other.
    let stable = try source.stableBytes(sequenceAt: LedgerLayout.clockSequenceOffset, count: 32)
    let fields = if let stable { stable } else { try source.bytes(at: LedgerLayout.clockSequenceOffset, count: 32) }
    second = fields.word(at: 4)
    longestGap = fields.word(at: 8)
    isMaintained = fields.word(at: 12) & 1 != 0
    monotonic = fields.number(at: 16, as: UInt64.self)
    realtime = fields.number(at: 24, as: UInt64.self)
  }

  /// - Parameters:
  ///   - takenAt: nanoseconds since 1970.
  ///   - isRunning: whether the clock goes on.
  func clock(takenAt: UInt64, isRunning: Bool) -> LedgerClock {
    let elapsed = realtime == 0 || takenAt < realtime ? 0 : takenAt - realtime
    return LedgerClock(
      second: second, refreshedAt: realtime, now: isRunning ? second + Int(elapsed / 1_000_000_000) : second,
      longestGap: longestGap, isMaintained: isMaintained, age: Double(elapsed) / 1e9)
  }
}

extension LedgerSource {
  /// The bytes of the header from a sequence number of 4 bytes on; nil if the number stays odd or keeps changing.
  func stableBytes(sequenceAt offset: Int, count: Int) throws(LedgerReadingError) -> RecordBytes? {
    for _ in 0..<64 {
      let fields = try bytes(at: offset, count: count)
      let sequence = fields.word(at: 0)
      if sequence & 1 == 0, try bytes(at: offset, count: 4).word(at: 0) == sequence { return fields }
      sched_yield()
    }
    return nil
  }
}
