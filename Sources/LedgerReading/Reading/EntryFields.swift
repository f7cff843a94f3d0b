// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// The fields of one entry, from a copy of its bytes.
struct EntryFields {
  let word: EntryWord
  let address: UInt64
  let byteCount: UInt64
  let capacity: UInt64
  let site: UInt32
  let domain: UInt16
  let bucket: UInt8
  let birth: UInt32
  let scope: CreationScope
  /// A registration: when its cleanup began.
  let mark: UInt32
  let firstGeneration: UInt64

  @inline(__always)
  init(_ record: LedgerRecord) {
    word = EntryWord(rawValue: record.number(at: 0, as: UInt64.self))
    address = record.number(at: 8, as: UInt64.self)
    byteCount = record.number(at: 16, as: UInt64.self)
    capacity = record.number(at: 24, as: UInt64.self)
    site = record.number(at: 32, as: UInt32.self)
    domain = record.number(at: 36, as: UInt16.self)
    bucket = record.number(at: 38, as: UInt8.self)
    birth = record.number(at: 44, as: UInt32.self)
    scope = CreationScope(rawValue: record.number(at: 48, as: UInt32.self))
    mark = record.number(at: 52, as: UInt32.self)
    firstGeneration = record.number(at: 56, as: UInt64.self) & 0xFF_FFFF_FFFF
  }

  /// What changes in a record although its resource stays the same, word by word: pins, requests and the mark of a
  /// cache; the flags; the link; the mark of maintenance; the budget.
  private static var ignored: (UInt64, UInt64, UInt64, UInt64, UInt64) {
    (~EntryWord.lifeMask, 0xFF << 56, 0xFFFF_FFFF, 0xFFFF_FFFF << 32, 0xFFFF << 48)
  }

  /// Whether two copies of an entry are of the same life, or both have no resource.
  @inline(__always)
  static func isSame(_ a: LedgerRecord, _ b: LedgerRecord) -> Bool {
    func difference(_ offset: Int) -> UInt64 {
      a.number(at: offset, as: UInt64.self) ^ b.number(at: offset, as: UInt64.self)
    }
    let ignored = ignored
    let changed =
      difference(0) & ~ignored.0 | difference(8) | difference(16) | difference(24) | difference(32) & ~ignored.1
      | difference(40) & ~ignored.2 | difference(48) & ~ignored.3 | difference(56) & ~ignored.4
    if changed == 0 { return true }
    // A thread that prepares an entry for a resource has not made it one yet.
    return isFree(a) && isFree(b)
  }

  @inline(__always)
  private static func isFree(_ record: LedgerRecord) -> Bool {
    record.number(at: 0, as: UInt64.self) & EntryWord.stateMask == EntryState.free.rawValue
  }

  /// What the resource is used for; nil if the entry has none. The state was checked.
  @inline(__always)
  var use: ResourceUse? {
    switch word.state {
    case .free: nil
    case .idle: .idle
    case .quarantined: .quarantined
    case .live: word.isDetached ? .detached : word.isReleaseRequested ? .releasing : .live
    }
  }

  @inline(__always)
  var keeper: ResourceKeeper {
    scope.isOfProcessLifetime ? .process : word.isHeldByCache ? .cache : .none
  }

  /// What no sound entry has; nil if there is nothing. The numbers of lines and domains are checked against these.
  @inline(__always)
  func fault(siteCount: Int, domainCount: Int) -> StaticString? {
    let most = UInt64(LedgerEntry.largestByteCount)
    if Int(site) < siteCount, Int(domain) < domainCount, byteCount <= most, capacity <= most,
      !word.isHeldByCache || word.state == .live
    {
      return nil
    }
    if word.isHeldByCache, word.state != .live {
      return "an entry has a state that does not exist"
    }
    if Int(site) >= siteCount { return "an entry names a line that does not exist" }
    if Int(domain) >= domainCount { return "an entry names a domain that does not exist" }
    return "an entry has more bytes than a process can have"
  }
}
