// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension NativeBuffer {
  /// Creates a handle to memory that other code allocated.
  ///
  /// The ledger counts it in the domain "adopted memory", which no allocator audits.
  /// - Parameters:
  ///   - pointer: the first of `byteCount` initialised bytes, which no other code uses from now on.
  ///   - byteCount: How many bytes there are.
  ///   - file: The caller's file, for reports. Leave it out.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  ///   - deallocator: called once with `pointer`, on the thread that releases the buffer, under no lock of this
  ///     library. Not called after `unsafeDetach()`, nor if this initialiser throws.
  /// - Throws: ``NativeBufferError`` if the size is negative or larger than 2^48, if the ledger is full, or if there is
  ///   no room for the shared arena.
  public convenience init(
    unsafeAdopting pointer: UnsafeMutableRawPointer, byteCount: Int,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    deallocator: @escaping @Sendable (UnsafeMutableRawPointer) -> Void
  ) throws(NativeBufferError) {
    unsafe try self.init(
      adopting: pointer, byteCount: byteCount, readOnly: false, from: AdoptedMemory.program, file: file, line: line,
      function: function, deallocator: deallocator)
  }

  /// Creates a read-only handle to memory that other code allocated, and may still read: see ``isReadOnly``.
  ///
  /// Parameters and errors are those of ``init(unsafeAdopting:byteCount:file:line:function:deallocator:)``, but for
  /// `pointer`: its bytes may be read by other code, and changed by none, until `deallocator` is called.
  public convenience init(
    unsafeAdoptingReadOnly pointer: UnsafeRawPointer, byteCount: Int,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function,
    deallocator: @escaping @Sendable (UnsafeRawPointer) -> Void
  ) throws(NativeBufferError) {
    unsafe try self.init(
      adopting: UnsafeMutableRawPointer(mutating: pointer), byteCount: byteCount, readOnly: true,
      from: AdoptedMemory.program, file: file, line: line, function: function,
      deallocator: { unsafe deallocator(UnsafeRawPointer($0)) })
  }

  /// - Parameter source: which domain the memory is counted in.
  package convenience init(
    adopting pointer: UnsafeMutableRawPointer, byteCount: Int, readOnly: Bool, from source: AdoptedMemory.Source,
    file: StaticString, line: UInt, function: StaticString, deallocator: @escaping AdoptedMemory.Deallocator
  ) throws(NativeBufferError) {
    do throws(ArenaError) { try Arena.makeShared() } catch {
      throw NativeBufferError(error, created: Site(file: file, line: line, function: function))
    }
    let site = SiteCache.site(file: file, line: line, function: function)
    guard (0...LedgerEntry.largestByteCount).contains(byteCount) else {
      throw NativeBufferError(.invalidByteCount(byteCount), created: Ledger.shared.site(site))
    }
    let block: Block
    do throws(LedgerError) {
      block = unsafe try AdoptedMemory.adopt(
        pointer, byteCount: byteCount, readOnly: readOnly, from: source, site: site, deallocator: deallocator)
    } catch {
      throw NativeBufferError(.ledger(error), created: Ledger.shared.site(site))
    }
    self.init(block: block, site: site)
  }
}
