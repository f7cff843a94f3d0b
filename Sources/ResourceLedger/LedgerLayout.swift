// SPDX-License-Identifier: Apache-2.0

// The ledger's bytes, version 1. The article Ledger-Layout.md has every field, and who writes it.
//
//   0                header, 4,096 bytes
//   domainsOffset    domain records, 64 bytes each; record 0 means "no domain"
//   sitesOffset      site records, 64 bytes each; record 0 means "site unknown"
//   stringsOffset    UTF-8 text that site records point into, not terminated
//   entriesOffset    entries, 64 bytes each, grown upwards, never moved

/// Where things are in a ledger's region, in bytes.
package struct LedgerLayout {
  static let magic: UInt64 = 0x5245_4744_454C_5753  // "SWLEDGER"
  static let version: UInt32 = 1
  static let recordSize = 64

  static let versionOffset = 8
  static let processOffset = 12
  static let entriesOffsetOffset = 16
  static let entryCapacityOffset = 24
  static let entryCountOffset = 32
  static let sitesOffsetOffset = 40
  static let siteCapacityOffset = 48
  static let siteCountOffset = 52
  static let stringsOffsetOffset = 56
  static let stringsCapacityOffset = 64
  static let stringsCountOffset = 72
  static let domainsOffsetOffset = 80
  static let domainCapacityOffset = 88
  static let domainCountOffset = 92

  static let unrecordedOffset = 96

  /// The process's ledger has room for so many entries, and for at least the smallest number if address space is
  /// limited.
  static let largestEntryCapacity = 1 << 24
  static let smallestEntryCapacity = 1 << 12

  /// Every domain has a number below this one.
  package static let domainCapacity = 8_192
  static let domainsOffset = 4_096
  static let sitesOffset = domainsOffset + domainCapacity * recordSize

  /// How many bytes of sites, or of their texts, are made readable and writable at a time.
  static let commitStep = 1 << 20

  let entryCapacity: Int
  /// How many records there are for lines of code, the unknown line included: 65,536, and up to 1,048,576 if there is
  /// room for 16 million entries. Unused records cost address space only. If there is room for fewer than 262,144
  /// entries, there is one record for every four of them, but 4,096 at least: the lines must not take the space that
  /// the entries need.
  let siteCapacity: Int
  /// The bytes of the lines' texts. Equal texts are stored once: a line takes some 20 bytes of its own.
  let stringsCapacity: Int

  init(entryCapacity: Int) {
    self.entryCapacity = entryCapacity
    let least = min(1 << 16, max(Self.smallestSiteCapacity, entryCapacity >> 2))
    let share = min(1 << 20, max(least, entryCapacity >> 4))
    // Rounded down to a power of two, which SiteIndex needs.
    siteCapacity = 1 << (Int.bitWidth - 1 - share.leadingZeroBitCount)
    // 256 bytes for each line, or 64 if there are many lines.
    stringsCapacity = max(min(16 << 20, siteCapacity * 256), siteCapacity * 64)
  }

  static let smallestSiteCapacity = 1 << 12

  var stringsOffset: Int { Self.sitesOffset + siteCapacity * Self.recordSize }
  var entriesOffset: Int { stringsOffset + stringsCapacity }
  var regionSize: Int { entriesOffset + entryCapacity * Self.recordSize }
}
