// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime

/// The lines of code that the calling thread saw last, in front of the ``SiteIndex`` of ``Ledger/shared``. The table is
/// in the thread's record (`Thread.h`), and is read and written without atomic operations.
@usableFromInline
package enum SiteCache {
  /// The number of a line of code in the process's ledger.
  /// Cost: a few instructions if the thread saw the line lately; otherwise see
  /// ``Ledger/intern(file:line:function:isCreation:)``.
  /// - Parameter isCreation: whether a resource is created there, for ``Ledger/unrecordedCount``.
  @inlinable
  @inline(__always)
  package static func site(
    file: StaticString, line: UInt, function: StaticString, isCreation: Bool = true
  ) -> SiteID {
    // A text of one character may have no address. If the compiler sees the literal, this check costs nothing.
    if file.hasPointerRepresentation {
      let key = unsafe cnativeruntime_site_key(file.utf8Start, UInt64(line))
      let slot = unsafe cnativeruntime_site_slot(file.utf8Start, UInt64(line))
      if key != 0, unsafe slot.pointee.key == key { return SiteID(rawValue: unsafe slot.pointee.site) }
    }
    return lookUp(file: file, line: line, function: function, isCreation: isCreation)
  }

  @usableFromInline
  @inline(never)
  static func lookUp(file: StaticString, line: UInt, function: StaticString, isCreation: Bool) -> SiteID {
    let site = Ledger.shared.intern(file: file, line: line, function: function, isCreation: isCreation)
    let key = SiteIndex.key(file: file, line: line)
    if key != 0, site != .unknown {
      let slot = unsafe cnativeruntime_site_slot(file.utf8Start, UInt64(line))
      unsafe slot.pointee = cnativeruntime_known_site(key: key, site: site.rawValue)
    }
    return site
  }
}
