import JemallocArenas
import ResourceLedger

/// What a handle owns: memory, its ledger entry, and the key of the life that the handle began.
///
/// A trivial value; the handle (`NativeBuffer`, `UniqueBuffer`) sees to it that the life ends once.
@safe struct Block: @unchecked Sendable {
  // SAFETY: the memory is reached only under a pin of `entry`, or by the one owner of a unique handle.
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  let entry: LedgerEntry
  let key: EntryWord

  enum Contents {
    /// Whatever the last owner left.
    case uninitialized
    case zeroed
  }

  /// Takes a block for a new handle: one kept for reuse, or else fresh memory.
  /// Cost: a few atomic operations on the block cache; where it is empty, see ``Depot/allocate(_:zeroed:)``.
  static func acquire(
    byteCount: Int, alignment: Int, contents: Contents, arena: Arena, site: SiteID
  ) throws(NativeBufferError) -> Block {
    do throws(ArenaError) {
      let request = try Arena.Request(byteCount: byteCount, alignment: alignment)
      let depot = Depot.of(arena)
      if let entry = depot.pop(request) {
        let block = Block(beginning: entry, byteCount: byteCount, site: site)
        if contents == .zeroed { unsafe block.base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
        return block
      }
      let entry = try depot.allocate(request, zeroed: contents == .zeroed)
      return Block(beginning: entry, byteCount: byteCount, site: site)
    } catch {
      throw NativeBufferError(error, created: Ledger.shared.site(site))
    }
  }

  private init(beginning entry: LedgerEntry, byteCount: Int, site: SiteID) {
    // SAFETY: the entry's address is its block's, set when the block was allocated and never 0.
    unsafe base = UnsafeMutableRawPointer(bitPattern: entry.address).unsafelyUnwrapped
    self.byteCount = byteCount
    self.entry = entry
    key = entry.beginLife(byteCount: byteCount, site: site, scope: ScopeTracking.scopeForNewResource)
  }

  init(base: UnsafeMutableRawPointer, byteCount: Int, entry: LedgerEntry, key: EntryWord) {
    unsafe self.base = base
    self.byteCount = byteCount
    self.entry = entry
    self.key = key
  }

  /// Asks for the end of this life; releases the memory where nobody has it pinned.
  /// - Returns: whether this was the request that counts.
  func dispose() -> Bool {
    switch entry.requestRelease(key: key) {
    case .releaseNow:
      Block.release(entry)
      return true
    case .deferred: return true
    case .alreadyReleased: return false
    }
  }

  /// As ``dispose()``, by a deinit: recorded as a rescue.
  func rescue() {
    guard entry.isUsable(key: key) else { return }
    let site = entry.site
    // Before the release, which hands the entry to a next owner.
    ScopeTracking.recordRescue(in: entry.scope, at: site, byteCount: byteCount)
    Ledger.shared.recordRescue(at: site, byteCount: byteCount)
    Depot.of(entry)?.recordRescue()
    _ = dispose()
  }

  /// Releases what is behind an entry whose life was claimed for it.
  static func release(_ entry: LedgerEntry) {
    if let depot = Depot.of(entry) { depot.push(entry) } else { AdoptedMemory.release(entry) }
  }
}
