// SPDX-License-Identifier: Apache-2.0

import CNativeRuntime
import Glibc
import NativeSynchronization

/// A ledger's memory. Its addresses are reserved once and never move; its pages become readable and writable as they
/// are needed.
///
/// The process's ledger lies in a file without a name (`memfd`): other processes of the same user can open it by
/// `/proc/PID/fd` and map it to read. It gets its full size at once, and has pages only where it is used. Seals forbid
/// that others write to it or change its size. If the system refuses such a file, the memory is private, and others
/// cannot read it.
///
/// A program may close descriptors that it does not know, and the number may then be another file's. So nothing is done
/// through the descriptor before it was compared with the file; the region also grows without it.
///
/// A forked child must not change its parent's ledger, which is a shared mapping. So `fork` does not give the mapping
/// to the child (`MADV_DONTFORK`). While the forking thread holds all locks, it copies what is used to a new file, and
/// the child maps that file at the same addresses. Ledger+Child.swift says what the child does with entries that
/// changed during the fork.
// SAFETY: the mapping is made once, and is unmapped only with this object. The parts change as their comments say.
@safe final class LedgerRegion: @unchecked Sendable {
  enum Memory: Equatable, Sendable {
    /// Only this process reads it.
    case `private`
    /// A file without a name that other processes can read.
    case shared
    /// A file that was made with ``LedgerFile/make(_:byteCount:)``, and its path as it was given.
    case file(Int32, path: String)
  }

  /// Never moves, because the handlers of `fork` have its address.
  let state: UnsafeMutablePointer<cnativeruntime_region>
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  private let parts: UnsafeMutablePointer<cnativeruntime_region_part>
  private let member: ForkGuard.Member
  /// Why the memory is private although it should be shared: `errno`'s value. Nil if it is as it should be.
  let refusedFile: Int32?

  /// - Throws: ``LedgerError`` if the kernel gives no address space.
  init(layout: LedgerLayout, memory: Memory) throws(LedgerError) {
    byteCount = layout.regionSize
    let state = UnsafeMutablePointer<cnativeruntime_region>.allocate(capacity: 1)
    unsafe state.initialize(to: cnativeruntime_region())
    unsafe state.pointee.byte_count = layout.regionSize
    unsafe state.pointee.page_size = layout.pageSize
    unsafe state.pointee.state_offset = LedgerLayout.stateOffset
    unsafe state.pointee.copy_descriptor = -1
    unsafe self.state = unsafe state
    unsafe parts = cnativeruntime_region_parts(state)
    let file =
      switch memory {
      case .private: -1 as Int32
      case .shared: unsafe cnativeruntime_make_nameless_file(cnativeruntime_ledger_name, layout.regionSize)
      case .file(let file, _): file
      }
    var refusedFile = memory == .shared && file < 0 ? errno : nil
    if case .file(_, let path) = memory {
      unsafe state.pointee.has_name = true
      if path.contains("%p") { unsafe state.pointee.name_of_child = strdup(path) }
    }
    var isMapped = unsafe cnativeruntime_region_map(state, file)
    if !isMapped, file >= 0 {
      if memory == .shared { refusedFile = errno }
      close(file)
      isMapped = unsafe memory == .shared && cnativeruntime_region_map(state, -1)
    }
    guard isMapped, let base = unsafe state.pointee.base else {
      let code = errno
      unsafe state.deallocate()
      throw LedgerError(.reservationFailed(byteCount: layout.regionSize, errno: code))
    }
    unsafe self.base = UnsafeMutableRawPointer(base)
    self.refusedFile = refusedFile
    member = ForkGuard.inFork(
      before: { unsafe cnativeruntime_region_copy(state) },
      inParent: { unsafe cnativeruntime_region_drop_copy(state) },
      inChild: { unsafe Ledger.beginInChild(state) })
    unsafe parts[0] = cnativeruntime_region_part(
      begin: 0, usable_end: 0, record_size: LedgerLayout.headerSize, count_offset: 0, copied_length: 0)
    for table in layout.tables {
      unsafe parts[Int(table.kind.rawValue)] = cnativeruntime_region_part(
        begin: table.offset, usable_end: table.offset,
        // A child's history and answers begin anew.
        record_size: table.kind.isWhole ? 0 : table.kind.recordSize, count_offset: table.kind.countOffset,
        copied_length: 0)
    }
  }

  deinit {
    member.leaveNow()
    unsafe cnativeruntime_region_close(state)
    unsafe munmap(base, byteCount)
    unsafe free(state.pointee.name_of_child)
    unsafe state.deallocate()
  }

  /// Whether the region is a file that stays after the end of the process.
  var hasName: Bool { unsafe state.pointee.has_name }

  /// The region's file; -1 if the memory is private.
  var descriptor: Int32 { unsafe state.pointee.descriptor }
  /// Whether other processes can read the region.
  var isShared: Bool { descriptor >= 0 }

  /// Whether a descriptor is the region's file.
  func owns(_ descriptor: Int32) -> Bool { unsafe cnativeruntime_region_owns(state, descriptor) }

  // MARK: Growth

  /// Makes the header readable and writable, up to the first table.
  func makeHeaderUsable(upTo end: Int) -> Int32? { grow(part: 0, upTo: end, step: end, partEnd: end) }

  /// Makes more bytes of a table readable and writable, unless all bytes before `wanted` already are. The caller holds
  /// the table's lock.
  /// - Returns: the `errno` of the system call that the kernel refused; nil if all bytes before `wanted` are usable.
  func grow(_ table: LedgerLayout.Table, upTo wanted: Int) -> Int32? {
    let page = unsafe state.pointee.page_size
    return grow(
      part: Int(table.kind.rawValue), upTo: wanted, step: max(table.kind.growthStep, page),
      partEnd: (table.end + page - 1) / page * page)
  }

  private func grow(part: Int, upTo wanted: Int, step: Int, partEnd: Int) -> Int32? {
    while unsafe parts[part].usable_end < wanted {
      let end = unsafe parts[part].usable_end
      let next = min(end + step, partEnd)
      let code = unsafe cnativeruntime_region_make_usable(state, end, next)
      if code != 0 { return code }
      unsafe parts[part].usable_end = next
    }
    return nil
  }
}
