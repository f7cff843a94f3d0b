// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Memory that left its handle, together with the duty to release it once.
///
/// ``release()`` always works. C's `free` may be used only if ``isFreedByC`` says so. If C code must release the memory
/// itself, and takes a function for that, hand it ``Arena/unsafeDeallocator`` together with the pointer.
///
/// This is a value: copies name the same memory, and only one of them may release it.
// SAFETY: the holder may use the pointer; everything else is a constant, or guarded by the arena's lock.
@unsafe public struct DetachedMemory: @unchecked Sendable {
  /// The first of ``byteCount`` bytes.
  public let pointer: UnsafeMutableRawPointer
  /// Bytes that were asked for when the buffer was created.
  public let byteCount: Int
  /// The arena that the memory comes from, so that it exists when the memory is released; nil for adopted memory.
  private let arena: Arena?
  private let entry: LedgerEntry
  /// The detached life. The entry may have another life once an audit has seen that C freed the memory.
  private let word: EntryWord
  private let deallocator: AdoptedMemory.Deallocator?

  /// Makes the value for the memory of `block`, whose entry the caller has just detached.
  init(of block: Block) {
    unsafe pointer = block.base
    unsafe byteCount = block.byteCount
    unsafe entry = block.entry
    unsafe word = block.entry.word
    unsafe arena = ArenaDirectory.arena(of: block.entry)
    unsafe deallocator = arena == nil ? AdoptedMemory.forget(block.entry) : nil
  }

  /// Whether C's `free` may release the memory: it came from an arena, and the process's `malloc` is the jemalloc that
  /// arenas use. That is so only with the package trait `JemallocMalloc`, or if `libjemalloc.so.2` was preloaded.
  public var isFreedByC: Bool { unsafe arena != nil && ProcessMalloc.owner == .jemalloc }

  /// Releases the memory: to its arena, or by the deallocator that it was adopted with. Must be called once, and not at
  /// all if `free` or ``Arena/unsafeDeallocator`` released the memory.
  ///
  /// Cost: for an arena's memory, the arena's lock and about 140 ns, and later a system call by the maintenance thread.
  public func release() {
    guard let arena = unsafe arena else {
      unsafe deallocator?(pointer)
      return
    }
    unsafe arena.releaseDetached(pointer, entry: entry, word: word)
  }
}
