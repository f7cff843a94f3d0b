// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension LedgerReader {
  /// Where the memory of the process is.
  /// - Parameter answer: what the process counted last, if it did.
  /// - Returns: nil if this reader has a file and no process.
  /// - Throws: ``LedgerReadingError`` if the ledger cannot be read, ``ResidencyError`` if the process's memory cannot
  ///   be looked at.
  /// - Complexity: reads each entry, and then as ``ResidentSum``'s initialiser.
  package func residentSum(answer: LedgerAnswer?) throws -> ResidentSum? {
    guard let processID else { return nil }
    let header = try LedgerHeader(source)
    let identity = source.identity
    return try ResidentSum(
      ofProcess: Int32(clamping: processID), blocks: try arenaBlocks(header),
      allocator: answer.map(AllocatorMemory.init),
      pageByteCount: header.pageSize,
      isLedger: { $0.inode == identity.inode && $0.device == identity.device })
  }

  /// The blocks of all arenas. Entries that change during each try to read them are left out.
  private func arenaBlocks(_ header: LedgerHeader) throws(LedgerReadingError) -> [MemoryBlock] {
    var isArena: [Bool] = []
    var domains = RecordReader(source, header.table(.domains)) { $0.hasSameBytes(as: $1) }
    try domains.forEach { (index, record, _) throws(LedgerReadingError) in
      isArena += Array(repeating: false, count: max(0, index + 1 - isArena.count))
      isArena[index] = record.number(at: 0, as: UInt32.self) == DomainKind.arena.rawValue
    }
    var blocks: [MemoryBlock] = []
    var entries = RecordReader(source, header.table(.entries)) { EntryFields.isSame($0, $1) }
    try entries.forEach { (_, record, isStable) throws(LedgerReadingError) in
      let fields = EntryFields(record)
      guard isStable, Int(fields.domain) < isArena.count, isArena[Int(fields.domain)], let use = fields.use else {
        return
      }
      blocks.append(
        MemoryBlock(
          address: UInt(fields.address), capacity: Int(clamping: fields.capacity),
          byteCount: Int(clamping: fields.byteCount), state: MemoryBlock.State(use)))
    }
    return blocks
  }
}

extension MemoryBlock.State {
  fileprivate init(_ use: ResourceUse) {
    switch use {
    case .live, .releasing: self = .live
    case .detached: self = .detached
    case .idle: self = .idle
    case .quarantined: self = .quarantined
    }
  }
}
