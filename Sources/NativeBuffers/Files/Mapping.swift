// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
public import SystemPackage

extension NativeBuffer {
  /// What may be done with the bytes of a mapped file.
  public enum MappingAccess: Hashable, Sendable {
    /// The bytes can be read. They change if another program changes the file. See ``NativeBuffer/isReadOnly``.
    case readOnly
    /// The bytes can be changed. The changes stay in this process: the file does not get them. A page takes memory of
    /// its own when it is changed.
    case copyOnWrite
    /// The bytes can be changed, and the file gets the changes: other processes that map or read it see them at once;
    /// the disk has them when the kernel writes them, or after `fsync`.
    case readWrite
  }

  /// Creates a buffer whose bytes are those of a file. They are read from the disk when they are first used.
  ///
  /// The ledger counts it in the domain "mapped files", with the line that calls this. The file is open only during the
  /// call: the mapping stays if the file is deleted or replaced.
  ///
  /// If another program makes the file shorter, the pages behind its new end are gone; the rest of its last page reads
  /// as zeros. ``copyBytes(to:)``, `[UInt8](buffer)`, ``copied(arena:file:line:function:)``, ``write(to:at:)``,
  /// `contents(equal:)`, ``hashContents(into:)`` and another buffer's `copy(from:at:)` throw
  /// ``NativeBufferError/Code/file`` for a page that is gone. **Reading it by a span, a pin or a closure ends the
  /// program by SIGBUS**, and so does every change: ``fill(with:)``, ``copy(from:at:)-(NativeBuffer,_)`` into this
  /// buffer, ``read(from:at:)``. The kernel knows no other way. So map only files that no other program makes shorter,
  /// or copy the bytes before you use them.
  ///
  /// A file whose size the kernel does not know, such as one of `/proc`, gives an empty buffer;
  /// `NativeBuffer(contentsOf:)` reads it.
  /// - Parameters:
  ///   - path: of a regular file. Symbolic links are followed.
  ///   - offset: the place of the buffer's first byte in the file, in bytes. It need not be a multiple of the page's
  ///     size; the buffer's first byte is aligned to 64 if `offset` is a multiple of 64.
  ///   - byteCount: nil for all bytes from `offset` to the file's end.
  ///   - access: what may be done with the bytes.
  ///   - file: with `line` and `function`, the site that reports name. Leave all three to their defaults.
  ///   - line: The caller's line, for reports. Leave it out.
  ///   - function: The caller's function, for reports. Leave it out.
  /// - Throws: ``NativeBufferError``: ``NativeBufferError/Code/file`` if the file cannot be opened or mapped,
  ///   ``NativeBufferError/Code/outOfBounds`` if it has not all of the bytes,
  ///   ``NativeBufferError/Code/ledger`` if the ledger is full. Nothing is mapped then.
  /// - Complexity: O(1).
  public convenience init(
    mapping path: FilePath, offset: Int = 0, byteCount: Int? = nil, access: MappingAccess = .readOnly,
    file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
  ) throws(NativeBufferError) {
    let site = Site(file: file, line: line, function: function)
    // Opening a pipe would wait for a writer.
    let open = try OpenFile(
      path, access == .readWrite ? .readWrite : .readOnly, options: .nonBlocking, created: site)
    guard open.isRegular else {
      throw NativeBufferError(.file(FileFailure(.map, path: path, .invalidArgument)), created: site)
    }
    let mapping = try MappedBytes(
      of: open, path, offset: offset, byteCount: byteCount ?? max(0, open.byteCount - offset), access, created: site)
    do throws(NativeBufferError) {
      unsafe try self.init(
        adopting: mapping.start, byteCount: mapping.byteCount, readOnly: access == .readOnly,
        from: AdoptedMemory.mappedFiles, file: file, line: line, function: function,
        deallocator: { _ in mapping.unmap() })
    } catch {
      mapping.unmap()
      throw error
    }
  }
}

/// Bytes of a file in this process's address space.
// SAFETY: the buffer that has these bytes unmaps them once.
@safe private struct MappedBytes: @unchecked Sendable {
  /// The first of ``byteCount`` bytes. It lies in the mapping's first page, or stands for nothing if there are none.
  let start: UnsafeMutableRawPointer
  let byteCount: Int
  /// The bytes of the first page that lie before `start`.
  private let lead: Int

  init(
    of file: borrowing OpenFile, _ path: FilePath, offset: Int, byteCount: Int, _ access: NativeBuffer.MappingAccess,
    created: Site
  ) throws(NativeBufferError) {
    let (end, isTooLarge) = offset.addingReportingOverflow(byteCount)
    guard offset >= 0, byteCount >= 0 else {
      throw NativeBufferError(.invalidFileRange(offset: offset, byteCount: byteCount), created: created)
    }
    guard !isTooLarge, end <= file.byteCount else {
      let range = offset..<(isTooLarge ? .max : end)
      throw NativeBufferError(.notInFile(range: range, byteCount: file.byteCount), created: created)
    }
    let pageSize = sysconf(Int32(_SC_PAGESIZE))
    lead = offset % pageSize
    self.byteCount = byteCount
    guard byteCount > 0 else {
      // The kernel maps no empty range. No byte is ever read at this address.
      unsafe start = UnsafeMutableRawPointer(bitPattern: pageSize).unsafelyUnwrapped + lead
      return
    }
    let protection = access == .readOnly ? PROT_READ : PROT_READ | PROT_WRITE
    let address = unsafe mmap(
      nil, lead + byteCount, protection, access == .copyOnWrite ? MAP_PRIVATE : MAP_SHARED, file.descriptor.rawValue,
      offset - lead)
    guard let address = unsafe address, unsafe address != MAP_FAILED else {
      throw NativeBufferError(.file(FileFailure(.map, path: path, Errno(rawValue: errno))), created: created)
    }
    unsafe start = address + lead
  }

  func unmap() {
    if byteCount > 0 { unsafe munmap(start - lead, lead + byteCount) }
  }
}
