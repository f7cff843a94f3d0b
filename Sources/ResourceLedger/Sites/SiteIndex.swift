import Glibc
import Synchronization

/// From a `#fileID` literal's address and a line to a site id: an open-addressing hash table of two slots for each site
/// that there is room for, which is read without a lock and only ever added to (under the ledger's `interning` lock).
///
/// The address of a string literal identifies its text as long as the program runs, so a hit compares one
/// word and touches no string.
// SAFETY: slots are atomic; a slot's id is stored before its key is published with release order.
@safe final class SiteIndex: @unchecked Sendable {
  private struct Slot: ~Copyable {
    let key: Atomic<UInt64>
    let site: Atomic<UInt64>
  }

  private let slotCount: Int
  private let slots: UnsafeMutablePointer<Slot>
  /// Slots in use. Changes under the ledger's `interning` lock.
  private var count = 0

  /// Bytes of the table for so many sites.
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

  /// A user-space address has 47 bits; the line takes the other 17. 0 is no key: a line too large for it.
  static func key(file: StaticString, line: UInt) -> UInt64 {
    guard line < 1 << 17, file.hasPointerRepresentation else { return 0 }
    return unsafe UInt64(UInt(bitPattern: file.utf8Start)) | UInt64(line) << 47
  }

  /// Fibonacci hashing (Knuth, The Art of Computer Programming, volume 3, 6.4). Of the product only the highest bits depend
  /// on all bits of the key: the line lies in the key's highest ones.
  private func firstSlot(for key: UInt64) -> Int {
    Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> UInt64(64 - slotCount.trailingZeroBitCount))
  }

  /// For tests: how many slots a look for a key passes.
  func probeCount(for key: UInt64) -> Int {
    var count = 1
    var slot = firstSlot(for: key)
    while true {
      let found = unsafe slots[slot].key.load(ordering: .relaxed)
      if found == key || found == 0 { return count }
      slot = (slot + 1) & (slotCount - 1)
      count += 1
    }
  }

  func site(for key: UInt64) -> SiteID? {
    var slot = firstSlot(for: key)
    while true {
      let found = unsafe slots[slot].key.load(ordering: .acquiring)
      if found == key {
        return SiteID(rawValue: UInt32(truncatingIfNeeded: unsafe slots[slot].site.load(ordering: .relaxed)))
      }
      if found == 0 { return nil }
      slot = (slot + 1) & (slotCount - 1)
    }
  }

  /// Adds a key that is not there. Full at three quarters: later keys take the slow way each time.
  func add(_ key: UInt64, site: SiteID) {
    guard key != 0, count < slotCount / 4 * 3 else { return }
    var slot = firstSlot(for: key)
    while unsafe slots[slot].key.load(ordering: .relaxed) != 0 { slot = (slot + 1) & (slotCount - 1) }
    unsafe slots[slot].site.store(UInt64(site.rawValue), ordering: .relaxed)
    unsafe slots[slot].key.store(key, ordering: .releasing)
    count += 1
  }
}
