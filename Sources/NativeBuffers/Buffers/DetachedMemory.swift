// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Memory that left its handle, and the duty to release it once.
///
/// ``release()`` always works. C's `free` takes the memory only where ``isFreedByC`` says so. For C code that is to
/// release the memory by itself, and that takes a function for it, hand over ``Arena/unsafeDeallocator`` together with
/// the pointer.
///
/// A value: copies name the same memory, and only one of them may release it.
// SAFETY: the pointer is the holder's to use; everything else is a constant, or guarded by the arena's lock.
@unsafe public struct DetachedMemory: @unchecked Sendable {
  /// The first of ``byteCount`` bytes.
  public let pointer: UnsafeMutableRawPointer
  /// Bytes that the buffer was created with.
  public let byteCount: Int
  /// Where an arena's memory comes from, so that the arena is there when the memory is released; nil for adopted memory.
  private let arena: Arena?
  private let entry: LedgerEntry
  /// The detached life: the entry may have another one once an audit saw that C freed the memory.
  private let word: EntryWord
  private let deallocator: AdoptedMemory.Deallocator?

  /// What `block` left in the hands of the caller, who detached its entry just now.
  init(of block: Block) {
    unsafe pointer = block.base
    unsafe byteCount = block.byteCount
    unsafe entry = block.entry
    unsafe word = block.entry.word
    unsafe arena = ArenaDirectory.depot(of: block.entry)?.arena
    unsafe deallocator = arena == nil ? AdoptedMemory.forget(block.entry) : nil
  }

  /// Whether C's `free` may release the memory: it came from an arena, and the process's `malloc` is the jemalloc that
  /// arenas use. It is not if another allocator was preloaded or linked first, or a sanitizer keeps `malloc` to itself.
  public var isFreedByC: Bool { unsafe arena != nil && MallocCapture.isAvailable }

  /// Releases the memory: to its arena, or by the deallocator that it was adopted with. To be called once, and not if
  /// `free` or ``Arena/unsafeDeallocator`` took the memory.
  ///
  /// Cost: for an arena's memory its lock and about 140 ns, and later a call of the kernel's by the maintenance thread.
  public func release() {
    guard let arena = unsafe arena else {
      unsafe deallocator?(pointer)
      return
    }
    unsafe arena.releaseDetached(pointer, entry: entry, word: word)
  }
}
