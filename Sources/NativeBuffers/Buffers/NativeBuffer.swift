// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
import Glibc
import NativeSynchronization
import ResourceLedger
public import Synchronization

/// A shared handle to native memory outside Swift's heap.
///
/// The memory is released exactly once: by ``dispose(file:line:function:)``; or by the last release of the
/// handle, which is recorded as a rescue with the line that created it; or by whoever ``unsafeDetach()``
/// handed it to. After `dispose()` every access throws; a ``Pin`` taken before keeps the bytes until it ends.
///
/// Safe access is free of data races: any number of readers, or one writer; overlapping access throws
/// ``NativeBufferError/Code/overlappingAccess``. The handle and the ledger entry are all it costs: the object
/// and 64 bytes.
public final class NativeBuffer: Sendable {
  @usableFromInline let block: Block
  @usableFromInline let createdSite: SiteID
  /// 0 until disposed.
  @usableFromInline let disposedSite = Atomic<UInt32>(0)

  @inlinable
  init(block: Block, site: SiteID) {
    self.block = block
    createdSite = site
  }

  /// A buffer of zeros.
  /// - Parameters:
  ///   - byteCount: bytes, 0 or more. A buffer of 0 bytes is valid and empty.
  ///   - alignment: of the first byte, in bytes: a power of two from 1 to 2,097,152.
  ///   - arena: where the memory comes from.
  ///   - file: with `line` and `function`, the site that reports name; leave them to their defaults.
  /// - Throws: ``NativeBufferError`` for a bad size or alignment, or where memory or ledger are exhausted;
  ///   then nothing is allocated.
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

  /// A buffer whose bytes are whatever the last owner of the memory left.
  ///
  /// For memory that is overwritten at once, by a codec for example. O(1). Parameters and errors as for
  /// ``init(byteCount:alignment:arena:file:line:function:)``.
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

  /// A buffer that a closure fills from its first byte on.
  ///
  /// Bytes that it does not write are zero: the last owner's never show. Where it throws, the memory is
  /// released and the error passed on. A closure that leaves another span in the place of its own ends the program. Other parameters and errors as for
  /// ``init(byteCount:alignment:arena:file:line:function:)``.
  @inlinable
  public init(
    byteCount: Int, alignment: Int = 64, arena: Arena? = nil,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    initializingWith initializer: (inout OutputRawSpan) throws -> Void
  ) throws {
    block = try Block.acquire(
      byteCount, alignment: alignment, contents: .uninitialized, arena: arena, file: file, line: line,
      function: function)
    createdSite = block.entry.site
    try block.initialize(initializer)
  }

  /// A handle to memory that somebody else allocated.
  ///
  /// The ledger counts it in the domain "adopted memory", which no allocator audits.
  /// - Parameters:
  ///   - pointer: the first of `byteCount` initialised bytes that nobody else uses from now on.
  ///   - deallocator: called once with `pointer`, on the thread that releases the buffer, under no lock of
  ///     this library. Not called after ``unsafeDetach()``, nor where this initialiser throws.
  /// - Throws: ``NativeBufferError`` for a negative size or one beyond 2^48, or where the ledger is full.
  public init(
    unsafeAdopting pointer: UnsafeMutableRawPointer, byteCount: Int,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    deallocator: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
  ) throws(NativeBufferError) {
    do throws(ArenaError) { try Arena.makeShared() } catch {
      throw NativeBufferError(error, created: Site(file: file, line: line, function: function))
    }
    createdSite = Ledger.shared.intern(file: file, line: line, function: function)
    guard (0...LedgerEntry.largestByteCount).contains(byteCount) else {
      throw NativeBufferError(.invalidByteCount(byteCount), created: Ledger.shared.site(createdSite))
    }
    do throws(LedgerError) {
      block = unsafe try AdoptedMemory.adopt(
        pointer, byteCount: byteCount, site: createdSite, deallocator: deallocator)
    } catch {
      throw NativeBufferError(.ledger(error), created: Ledger.shared.site(createdSite))
    }
  }

  @inlinable
  deinit { if block.entry.isUsable(key: block.key) { block.rescue() } }

  /// Bytes asked for. Stays after `dispose()`.
  @inlinable
  public var byteCount: Int { block.byteCount }

  /// Whether the buffer was disposed or detached. Another thread may do so right after.
  @inlinable
  public var isDisposed: Bool { !block.entry.isUsable(key: block.key) }

  /// The line that created the buffer.
  public var site: Site { Ledger.shared.site(createdSite) }

  /// Where the memory comes from; nil for memory that was adopted, and where the buffer was disposed or is being
  /// changed. Under a pin: without one the entry may be another domain's by now, and its arena gone.
  package var arena: Arena? {
    guard block.entry.pin(key: block.key) == .pinned else { return nil }
    defer { if block.entry.unpin() { Block.releasePinned(block.entry) } }
    return ArenaDirectory.depot(of: block.entry)?.arena
  }

  /// Whether anybody holds a pin: at the time of the call, unless the caller has the only handle and hands none out.
  /// False where the buffer was disposed.
  package var isPinned: Bool {
    let word = block.entry.word
    return block.entry.isUsable(key: block.key) && (word.isExclusivelyPinned || word.pinCount > 0)
  }

  /// Gives the memory up. May be called any number of times, from any thread, but not in a signal handler: it may need a
  /// lock, or a list of the thread's own, that the interrupted code is using.
  ///
  /// Pins taken before keep the bytes; the last one to end releases them, on its thread. Never unmaps
  /// memory and calls nothing of the kernel's, unless the memory was adopted (then its deallocator runs) or
  /// the arena keeps its limit of idle blocks.
  /// - Returns: whether this call was the one that disposed the buffer.
  @inlinable
  @discardableResult
  public func dispose(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) -> Bool {
    guard block.dispose() else { return false }
    let site =
      unsafe ThreadCache(cnativeruntime_cache())?.site(file: file, line: line, function: function, isCreation: false)
      ?? Self.internDisposal(file: file, line: line, function: function)
    disposedSite.store(site.rawValue, ordering: .releasing)
    return true
  }

  /// Hands the memory and the duty to release it to the caller; this handle is disposed.
  ///
  /// ``DetachedMemory/release()`` releases it, in any process. Until then the books show an arena's memory as detached.
  /// C's `free` may take it instead if ``DetachedMemory/isFreedByC`` says so; then an audit cannot tell, within one size
  /// class, a detached block that was freed from another one that was freed behind the library's back. A block of 32 KiB
  /// or less that C freed waits in the freeing thread's jemalloc cache, where the next `malloc` of its class may take
  /// it: it counts as detached until that memory is freed too.
  /// - Throws: ``NativeBufferError`` where the buffer was disposed, or its bytes are pinned.
  public func unsafeDetach(
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) -> DetachedMemory {
    let outcome = block.entry.detach(key: block.key)
    guard outcome == .pinned else { throw error(for: outcome) }
    let site = Self.internDisposal(file: file, line: line, function: function)
    disposedSite.store(site.rawValue, ordering: .releasing)
    return unsafe DetachedMemory(of: block)
  }

  @usableFromInline
  static func internDisposal(file: StaticString, line: UInt, function: StaticString) -> SiteID {
    Ledger.shared.intern(file: file, line: line, function: function, isCreation: false)
  }

  /// The error for an access that was refused.
  @usableFromInline
  func error(for outcome: PinOutcome) -> NativeBufferError {
    switch outcome {
    case .conflict: return NativeBufferError(.overlappingAccess, created: site)
    case .tooMany: return NativeBufferError(.tooManyPins, created: site)
    case .released, .pinned:
      return NativeBufferError(.disposed, created: site, disposed: Ledger.shared.site(disposedSiteWhenKnown()))
    }
  }

  /// The thread that disposes a buffer writes the line down right after: this waits until it has, for about 10 ms at most.
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

extension Block {
  /// Lets a closure write the bytes, zeroes the rest; releases the block where it throws. On both ways out the span is to
  /// be the one that was lent: see LentSpan.swift.
  @usableFromInline
  func initialize(_ initializer: (inout OutputRawSpan) throws -> Void) throws {
    let memory = unsafe UnsafeMutableRawBufferPointer(start: base, count: byteCount)
    var span = unsafe OutputRawSpan(buffer: memory, initializedCount: 0)
    let result: Result<Void, any Error>
    do { result = .success(try initializer(&span)) } catch { result = .failure(error) }
    guard span.capacity == byteCount,
      unsafe span.bytes.withUnsafeBytes({ unsafe $0.baseAddress == UnsafeRawPointer(base) })
    else {
      NativeBuffer.failExchanged(Ledger.shared.site(entry.site))
    }
    let count = unsafe span.finalize(for: memory)
    if case .failure(let error) = result {
      disposeUnshared()
      throw error
    }
    unsafe (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: byteCount - count)
  }
}
