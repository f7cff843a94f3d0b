// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
public import Synchronization

/// A shared handle to native memory outside Swift's heap.
///
///     let frame = try NativeBuffer(byteCount: 3_840 * 2_160 * 4)
///     try frame.withMutableBytes { $0.storeBytes(of: 0xFF, toByteOffset: 0, as: UInt8.self) }
///     let pin = try frame.pin()
///     print(pin.span[0])
///     frame.dispose()
///
/// ```text
///                pin()
///  init ─► live ◄──────► live and pinned: any number of readers, or one writer
///           │   last pin     │
///           │     ends       │ dispose()
/// dispose() │                ▼
///           │            disposed and pinned: no new pins, the bytes stay
///           ▼                │
///       released ◄───────────┘ last pin ends
/// ```
///
/// The memory is released exactly once: by ``dispose(file:line:function:)``; or by the last release of the handle,
/// which is recorded as a rescue with the line that created it; or by the code that got it from `unsafeDetach()`.
/// After `dispose()`, every access throws. A ``Pin`` that was taken before keeps the bytes until it ends.
///
/// Safe access is free of data races: there may be any number of readers, or one writer. Overlapping access throws
/// ``NativeBufferError/Code/overlappingAccess``. Besides its memory, a buffer costs only this object and a ledger entry
/// of 64 bytes.
public final class NativeBuffer: Sendable {
  @usableFromInline let block: Block
  @usableFromInline let createdSite: SiteID
  /// The site that disposed the buffer; 0 before that is known. Written once, by the thread that disposed the buffer.
  @usableFromInline let disposedSite = Atomic<UInt32>(0)

  @inlinable
  init(block: Block, site: SiteID) {
    self.block = block
    createdSite = site
  }

  /// Creates a buffer of zeros.
  /// - Parameters:
  ///   - byteCount: bytes, 0 or more. A buffer of 0 bytes is valid and empty. A size above the machine's memory may be
  ///     granted, too: a fresh page takes memory only when it is first touched.
  ///   - alignment: of the first byte, in bytes: a power of two from 1 to 2,097,152.
  ///   - arena: the arena that the memory comes from; nil for the shared one.
  ///   - file: with `line` and `function`, the site that reports name. Leave all three to their defaults.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: ``NativeBufferError`` if the size or the alignment is invalid, the arena was destroyed, or memory or the
  ///   ledger is exhausted. Nothing is allocated then.
  /// - Complexity: O(`byteCount`) for the zeros, unless the pages are fresh from the kernel.
  @inlinable
  @_disfavoredOverload
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    block = try Block.acquire(
      byteCount, alignment: alignment, contents: .zeroed, arena: arena, file: file, line: line, function: function)
    createdSite = block.entry.site
  }

  /// Creates a buffer whose bytes are those that the last owner of the memory left.
  ///
  /// For memory that is overwritten at once, for example by a codec. O(1). Parameters and errors are those of
  /// `init(byteCount:alignment:arena:file:line:function:)`.
  @inlinable
  @_disfavoredOverload
  public init(
    uninitializedByteCount byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    block = try Block.acquire(
      byteCount, alignment: alignment, contents: .uninitialized, arena: arena, file: file, line: line,
      function: function)
    createdSite = block.entry.site
  }

  /// Creates a buffer that a closure fills from its first byte on.
  ///
  /// Bytes that the closure does not write are zero: the last owner's bytes never show. If the closure throws, the
  /// memory is released and the error passed on. If the closure leaves another span in place of its own, the program
  /// ends. Other parameters and errors are those of `init(byteCount:alignment:arena:file:line:function:)`.
  @inlinable
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    initializingWith initializer: (inout OutputRawSpan) throws(NativeBufferError) -> Void
  ) throws(NativeBufferError) {
    block = try Block.acquire(
      byteCount, alignment: alignment, arena: arena, file: file, line: line, function: function, { $0 },
      initializingWith: initializer)
    createdSite = block.entry.site
  }

  /// As ``init(byteCount:alignment:arena:file:line:function:initializingWith:)``, for a closure that throws any error.
  @inlinable
  @_disfavoredOverload
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    initializingWith initializer: (inout OutputRawSpan) throws -> Void
  ) throws {
    block = try Block.acquire(
      byteCount, alignment: alignment, arena: arena, file: file, line: line, function: function,
      { $0 as any Error }, initializingWith: initializer)
    createdSite = block.entry.site
  }

  @inlinable
  deinit { if block.entry.isUsable(key: block.key) { block.rescue() } }

  /// The bytes that were asked for. Unchanged by `dispose()`.
  @inlinable
  public var byteCount: Int { block.byteCount }

  /// Whether the buffer was disposed or detached. If not, another thread may do so right after this call.
  @inlinable
  public var isDisposed: Bool { !block.entry.isUsable(key: block.key) }

  /// Whether the bytes cannot be changed through this buffer, because another value shares them: those of a file that
  /// was mapped with ``MappingAccess/readOnly``, and those that were adopted by
  /// ``init(unsafeAdoptingReadOnly:byteCount:file:line:function:deallocator:)``. Every mutable access throws
  /// ``NativeBufferError/Code/readOnly`` then, and ``copied(arena:file:line:function:)`` gives a buffer that can be
  /// changed. False after `dispose()`.
  public var isReadOnly: Bool { AdoptedMemory.isReadOnly(block.entry, key: block.key) }

  /// The line that created the buffer.
  public var site: Site { Ledger.shared.site(createdSite) }

  /// The arena that the memory comes from; nil if the memory was adopted, or if the buffer was disposed or is being
  /// changed. Takes a pin: without it, the entry may belong to another domain by now, and its arena may be gone.
  package var arena: Arena? {
    guard block.entry.pin(key: block.key) == .pinned else { return nil }
    defer { if block.entry.unpin() { Block.releasePinned(block.entry) } }
    return ArenaDirectory.arena(of: block.entry)
  }

  /// Whether the buffer has a pin at the time of the call. If the caller has the only handle and hands none out, the
  /// buffer gets no new pin afterwards. False if the buffer was disposed.
  package var isPinned: Bool {
    let word = block.entry.word
    return block.entry.isUsable(key: block.key) && (word.isExclusivelyPinned || word.pinCount > 0)
  }

  /// Gives the memory up. May be called any number of times, from any thread, but not in a signal handler: it may need
  /// a lock, or a list of the thread's own, that the interrupted code is using.
  ///
  /// Pins that were taken before keep the bytes. The last pin that ends releases them, on its thread. Never unmaps
  /// memory, and calls the kernel only to wake or start the maintenance thread, unless the memory was adopted (then its
  /// deallocator runs), or the idle limit is reached and no maintenance thread can take the block.
  /// - Returns: whether this call disposed the buffer.
  @inlinable
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    guard block.dispose() else { return false }
    let site = SiteCache.site(file: file, line: line, function: function, isCreation: false)
    disposedSite.store(site.rawValue, ordering: .releasing)
    return true
  }

  /// Hands the memory and the duty to release it to the caller. This handle is disposed then.
  ///
  /// ``DetachedMemory/release()`` releases the memory, in any process. Until then, the books show an arena's memory as
  /// detached. C's `free` may release it instead if ``DetachedMemory/isFreedByC`` says so. Then, within one size class,
  /// an audit cannot tell a detached block that was freed from another block that was freed behind the library's back.
  /// A block of 32 KiB or less that C freed waits in the freeing thread's jemalloc cache, where the next `malloc` of
  /// its class may take it: it counts as detached until that memory is freed too.
  /// - Throws: ``NativeBufferError`` if the buffer was disposed, its bytes are pinned, or it is read-only.
  public func unsafeDetach(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) -> DetachedMemory {
    let outcome = block.entry.detach(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    let site = SiteCache.site(file: file, line: line, function: function, isCreation: false)
    disposedSite.store(site.rawValue, ordering: .releasing)
    return unsafe DetachedMemory(of: block)
  }

  /// The error for an access that was refused.
  @usableFromInline
  func error(for outcome: PinOutcome) -> NativeBufferError {
    switch outcome {
    case .conflict: return NativeBufferError(isReadOnly ? .readOnly : .overlappingAccess, created: site)
    case .tooMany: return NativeBufferError(.tooManyPins, created: site)
    case .released, .pinned:
      return NativeBufferError(.disposed, created: site, disposed: Ledger.shared.site(disposedSiteWhenKnown()))
    }
  }

  /// Waits for the site that disposed the buffer, for about 10 ms at most: the thread that disposes a buffer stores the
  /// site right after.
  private func disposedSiteWhenKnown() -> SiteID {
    var backOff = BackOff()
    for _ in 0..<150 {
      let site = disposedSite.load(ordering: .acquiring)
      if site != 0 { return SiteID(rawValue: site) }
      backOff.pause()
    }
    return SiteID(rawValue: 0)
  }
}
