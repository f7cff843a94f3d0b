// SPDX-License-Identifier: Apache-2.0

// The ledger's bytes, version 1.
//
// One mapped region, little endian. It contains no pointers, except for the addresses of blocks. Another process that
// maps it needs only this description. Every field that changes after it was first written is changed by one atomic
// store of its own width, so a reader never sees half of a change.
//
//   offset 0             header, 4,096 bytes
//   domainsOffset        domain records, 64 bytes each; record 0 means "no domain"
//   sitesOffset          site records, 64 bytes each; record 0 means "site unknown"
//   stringsOffset        UTF-8 text that site records point into, not terminated
//   entriesOffset        entries, 64 bytes each, grown upwards, never moved
//
// header            bytes   field
//                   0–7     magic, the ASCII text "SWLEDGER"
//                   8–11    version, 1
//                   12–15   process id of the writer
//                   16–23   entriesOffset
//                   24–31   entryCapacity: entries the region has room for
//                   32–39   entryCount: entries ever handed out; only these need to be read
//                   40–47   sitesOffset
//                   48–51   siteCapacity
//                   52–55   siteCount, record 0 included
//                   56–63   stringsOffset
//                   64–71   stringsCapacity, bytes
//                   72–79   stringsCount, bytes in use
//                   80–87   domainsOffset
//                   88–91   domainCapacity
//                   92–95   domainCount, record 0 included
//                   96–103  number of resources created on lines for which there was no room
//                   104–4095 zero
//
// domain record     0–3     kind (see DomainKind); 0 if no entry can carry the number
//                   4–7     turn: one more each time that the number is given out or given back; odd while a domain
//                           has it
//                   8–63    name, UTF-8, padded with zeros
//
// site record       0–3     file: offset into the strings
//                   4–7     file: length, bytes
//                   8–11    function: offset into the strings
//                   12–15   function: length, bytes
//                   16–19   line
//                   20–23   zero
//                   24–31   rescued: number of resources that were not disposed and that deinit released
//                   32–39   rescued: the bytes of these resources
//                   40–63   zero
//
// entry             0–7     state word (see EntryWord)
//                   8–15    address of the memory, or of the registry's record of a registration; 0 for other resources
//                   16–23   bytes asked for
//                   24–31   bytes that the domain set aside (an arena: the size class)
//                   32–35   site id
//                   36–37   domain id
//                   38–39   bucket: how the domain sorts its resources (an arena: the size class index)
//                   40–43   link: next entry of the list that this entry is on; no meaning for readers
//                   44–47   base-2 logarithm of the alignment
//                   48–51   scope id, 0 for none
//                   52–55   of a registration: when its cleanup began (see CoarseClock), 0 before. Of a block: mark of
//                           the last maintenance pass that saw it idle; no meaning for readers
//                   56–63   generation at which the entry joined its domain

/// Where things are in a ledger's region, in bytes. The top of this file describes the whole layout.
struct LedgerLayout {
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

  static let domainCapacity = 8_192
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
