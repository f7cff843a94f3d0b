// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import Synchronization

/// Finds the site id for a `#fileID` literal's address and a line. It is an open-addressing hash table with two slots
/// for each site that there is room for. It is read without a lock; sites are added under the ledger's `interning`
/// lock, and never removed.
///
/// The address of a string literal identifies its text as long as the program runs, so a lookup that succeeds compares
/// one word and touches no string.
// SAFETY: slots are atomic; a slot's id is stored before its key is published with release order.
@safe final class SiteIndex: @unchecked Sendable {
  private struct Slot: ~Copyable {
    let key: Atomic<UInt64>
    let site: Atomic<UInt64>
  }

  private let slotCount: Int
  private let slots: UnsafeMutablePointer<Slot>
  /// Slots in use. Guarded by the ledger's `interning` lock.
  private var count = 0

  /// The bytes of a table for so many sites.
  static func byteCount(siteCapacity: Int) -> Int { 2 * siteCapacity * MemoryLayout<Slot>.stride }

  /// - Parameter siteCapacity: a power of two.
  init(siteCapacity: Int) throws(LedgerError) {
    slotCount = 2 * siteCapacity
    let size = Self.byteCount(siteCapacity: siteCapacity)
    let region = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let region = unsafe region, unsafe region != MAP_FAILED else {
      throw LedgerError(.reservationFailed(byteCount: size, errno: errno))
    }
    unsafe slots = region.bindMemory(to: Slot.self, capacity: slotCount)
  }

  deinit { unsafe munmap(slots, slotCount * MemoryLayout<Slot>.stride) }

  /// The key of a line; 0 if it has none, because its number is too large or its file has no address.
  static func key(file: StaticString, line: UInt) -> UInt64 {
    file.hasPointerRepresentation ? unsafe cnativeruntime_site_key(file.utf8Start, UInt64(line)) : 0
  }

  /// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4). Only the highest bits of the product
  /// depend on all bits of the key, and the line is in the key's highest bits.
  private func firstSlot(for key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> UInt64(64 - slotCount.trailingZeroBitCount))
  }

  /// The slot that has a key; if none has it, the empty slot that ends the search, where the key would be added.
  private func slot(for key: UInt64) -> (index: Int, isFound: Bool) {
    var slot = firstSlot(for: key)
    while true {
      let found = unsafe slots[slot].key.load(ordering: .acquiring)
      if found == key || found == 0 { return (slot, found == key) }
      slot = (slot + 1) & (slotCount - 1)
    }
  }

  /// For tests: how many slots a search for a key looks at.
  func probeCount(for key: UInt64) -> Int { ((slot(for: key).index - firstSlot(for: key)) & (slotCount - 1)) + 1 }

  func site(for key: UInt64) -> SiteID? {
    let (index, isFound) = slot(for: key)
    guard isFound else { return nil }
    return SiteID(rawValue: UInt32(truncatingIfNeeded: unsafe slots[index].site.load(ordering: .relaxed)))
  }

  /// Adds a key that is not there yet. If three quarters of the slots are in use, it adds nothing, and the key is found
  /// the slow way each time.
  func add(_ key: UInt64, site: SiteID) {
    guard key != 0, count < slotCount / 4 * 3 else { return }
    let slot = slot(for: key).index
    unsafe slots[slot].site.store(UInt64(site.rawValue), ordering: .relaxed)
    unsafe slots[slot].key.store(key, ordering: .releasing)
    count += 1
  }
}
