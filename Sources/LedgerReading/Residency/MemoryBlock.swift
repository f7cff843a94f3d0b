// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// A block of an arena, as the ledger has it.
package struct MemoryBlock: Codable, Sendable {
  package enum State: UInt8, Codable, Sendable, CaseIterable { case live, detached, idle, quarantined }

  package let address: UInt
  /// Bytes of the block's size class. The block does not reach beyond the last address.
  package let capacity: Int
  /// Bytes that were asked for, at most the capacity.
  package let byteCount: Int
  package let state: State

  /// Makes a block of numbers that are not trusted: they are brought to what is possible.
  package init(address: UInt, capacity: Int, byteCount: Int, state: State) {
    self.address = address
    self.capacity = min(max(0, capacity), Int(clamping: UInt.max - address))
    self.byteCount = min(max(0, byteCount), self.capacity)
    self.state = state
  }

  /// The block of an entry of an arena's domain; nil if the entry has none.
  package init?(_ entry: EntrySnapshot) {
    let state: State? =
      switch entry.word.state {
      case .free: nil
      case .idle: .idle
      case .live: entry.word.isDetached ? .detached : .live
      case .quarantined: .quarantined
      }
    guard let state else { return nil }
    self.init(address: entry.address, capacity: entry.capacity, byteCount: entry.byteCount, state: state)
  }

  /// The blocks of all arenas in a ledger of this process.
  package static func all(in ledger: Ledger) -> [MemoryBlock] {
    let isArena = (0..<ledger.domainCount).map { ledger.domainKind(DomainNumber(rawValue: UInt16($0))) == .arena }
    var blocks: [MemoryBlock] = []
    ledger.forEachResource { _, entry in
      let domain = Int(entry.domain.rawValue)
      if domain < isArena.count, isArena[domain], let block = MemoryBlock(entry) { blocks.append(block) }
    }
    return blocks
  }

  var end: UInt { address + UInt(capacity) }
}
