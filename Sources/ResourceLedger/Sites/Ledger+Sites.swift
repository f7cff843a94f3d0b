// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import Synchronization

// A site is interned once: its texts are copied into the region, and its number stands for it everywhere.

extension Ledger {
  private typealias Field = LedgerLayout.SiteField

  /// Where a site's record is.
  private func record(of site: Int) -> Int { layout.sites.offset + site * LedgerLayout.Kind.sites.recordSize }

  /// The number of a line of code. Takes no lock and reads no text if the line was seen before.
  /// - Parameter isCreation: whether a resource is created there, for ``unrecordedCount``.
  /// - Returns: the unknown site if all records (see LedgerLayout), or the room for their texts, are used up. Callers
  ///   must not keep the unknown site, so that the next creation is counted, too.
  package func intern(
    file: StaticString, line: UInt, function: StaticString, isCreation: Bool = true
  ) -> SiteID {
    let key = SiteIndex.key(file: file, line: line)
    let site =
      if key != 0, let known = siteIndex.site(for: key) { known } else {
        internSlowly(file: file, line: line, function: function, key: key)
      }
    if site == .unknown, isCreation {
      unsafe atomic64(at: LedgerLayout.unrecordedOffset).pointee.wrappingAdd(1, ordering: .relaxed)
    }
    return site
  }

  /// The number of resources that were created on lines for which there was no room.
  package var unrecordedCount: Int {
    Int(clamping: unsafe atomic64(at: LedgerLayout.unrecordedOffset).pointee.load(ordering: .relaxed))
  }

  @inline(never)
  private func internSlowly(file: StaticString, line: UInt, function: StaticString, key: UInt64) -> SiteID {
    let site = Site(file: file, line: line, function: function)
    return interning.withLock {
      if key != 0, let added = siteIndex.site(for: key) { return added }
      let id = siteNames[site] ?? append(site)
      siteIndex.add(key, site: id)
      return id
    }
  }

  /// Adds a site; the unknown site if there is no room for it. The caller holds `interning`.
  private func append(_ site: Site) -> SiteID {
    let count = siteCount
    let record = record(of: count)
    guard count < layout.sites.capacity,
      region.grow(layout.sites, upTo: record + LedgerLayout.Kind.sites.recordSize) == nil,
      let file = place(site.file), let function = place(site.function)
    else { return .unknown }
    refreshClock()
    unsafe base.storeBytes(of: file.offset, toByteOffset: record + Field.fileOffset, as: UInt32.self)
    unsafe base.storeBytes(of: file.length, toByteOffset: record + Field.fileLength, as: UInt32.self)
    unsafe base.storeBytes(of: function.offset, toByteOffset: record + Field.functionOffset, as: UInt32.self)
    unsafe base.storeBytes(of: function.length, toByteOffset: record + Field.functionLength, as: UInt32.self)
    unsafe base.storeBytes(of: UInt32(clamping: site.line), toByteOffset: record + Field.line, as: UInt32.self)
    unsafe base.storeBytes(of: second, toByteOffset: record + Field.firstUse, as: UInt32.self)
    unsafe self.count(of: .sites).pointee.store(UInt64(count + 1), ordering: .releasing)
    let id = SiteID(rawValue: UInt32(count))
    siteNames[site] = id
    return id
  }

  /// Puts a text into the region once; nil if there is no room for it. The caller holds `interning`.
  private func place(_ text: String) -> (offset: UInt32, length: UInt32)? {
    if let placed = strings[text] { return placed }
    let bytes = Array(text.utf8)
    let count = unsafe count(of: .strings)
    let used = Int(unsafe count.pointee.load(ordering: .relaxed))
    let place = layout.strings.offset + used
    guard used + bytes.count <= layout.strings.capacity,
      region.grow(layout.strings, upTo: place + bytes.count) == nil
    else { return nil }
    for (index, byte) in bytes.enumerated() {
      unsafe base.storeBytes(of: byte, toByteOffset: place + index, as: UInt8.self)
    }
    unsafe count.pointee.store(UInt64(used + bytes.count), ordering: .releasing)
    let placed = (offset: UInt32(used), length: UInt32(bytes.count))
    strings[text] = placed
    return placed
  }

  /// The number of interned sites, the unknown one included.
  package var siteCount: Int {
    Int(unsafe count(of: .sites).pointee.load(ordering: .acquiring))
  }

  /// The line of code that has a number; the unknown site if the number was never given out.
  package func site(_ id: SiteID) -> Site {
    guard id.rawValue > 0, Int(id.rawValue) < siteCount else { return .unknown }
    let record = record(of: Int(id.rawValue))
    return Site(
      file: text(at: record + Field.fileOffset),
      line: Int(unsafe base.load(fromByteOffset: record + Field.line, as: UInt32.self)),
      function: text(at: record + Field.functionOffset))
  }

  private func text(at field: Int) -> String {
    let offset = Int(unsafe base.load(fromByteOffset: field, as: UInt32.self))
    let length = Int(unsafe base.load(fromByteOffset: field + 4, as: UInt32.self))
    guard offset + length <= layout.strings.capacity else { return Site.unknown.file }
    let bytes = unsafe UnsafeRawBufferPointer(start: base + layout.strings.offset + offset, count: length)
    return unsafe String(decoding: bytes, as: UTF8.self)
  }

  // MARK: Rescues

  /// Records that a resource of this site was released by deinit.
  package func recordRescue(at site: SiteID, byteCount: Int) {
    unsafe Self.recordRescue(at: site, byteCount: byteCount, siteRecords: siteRecords)
  }

  /// The record of site 0. The other records follow it in order.
  package var siteRecords: UnsafeMutableRawPointer { unsafe base + layout.sites.offset }

  /// The same for a caller that already has ``siteRecords``. The sum of the bytes stops growing
  /// when it has reached 2^63.
  /// Cost: two atomic additions.
  @inline(__always)
  package static func recordRescue(at site: SiteID, byteCount: Int, siteRecords: UnsafeMutableRawPointer) {
    // SAFETY: the layout puts aligned integers of 8 bytes there, changed by atomic operations only.
    let record = unsafe siteRecords + Int(site.rawValue) * LedgerLayout.Kind.sites.recordSize
    let count = unsafe (record + Field.rescuedCount).assumingMemoryBound(to: Atomic<UInt64>.self)
    let bytes = unsafe (record + Field.rescuedBytes).assumingMemoryBound(to: Atomic<UInt64>.self)
    unsafe count.pointee.add(1, ordering: .relaxed)
    // One resource has 2^48 bytes at most, so this wraps only if 32,768 threads are between the two operations.
    if unsafe bytes.pointee.load(ordering: .relaxed) < 1 << 63 {
      unsafe bytes.pointee.wrappingAdd(UInt64(byteCount), ordering: .relaxed)
    }
  }

  /// The rescues of one site since the process began: how many, and the bytes that were asked for (`Int.max` if they
  /// are that many or more).
  package func rescues(at site: SiteID) -> (count: Int, byteCount: Int) {
    guard Int(site.rawValue) < siteCount else { return (0, 0) }
    let record = record(of: Int(site.rawValue))
    let count = unsafe atomic64(at: record + Field.rescuedCount).pointee.load(ordering: .relaxed)
    let byteCount = unsafe atomic64(at: record + Field.rescuedBytes).pointee.load(ordering: .relaxed)
    return (Int(clamping: count), Int(clamping: byteCount))
  }
}
