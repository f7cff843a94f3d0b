// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

/// The number of elements in some bytes.
@usableFromInline
enum ElementCount {
  /// - Parameters:
  ///   - address: of the first byte.
  ///   - entry: the entry of the buffer, which the caller has pinned, or owns.
  /// - Throws: ``NativeBufferError/Code/misaligned`` if no element can begin at the address;
  ///   ``NativeBufferError/Code/remainder`` if the bytes are no whole number of elements.
  @inlinable
  @inline(__always)
  static func of<Element: NativeElement>(
    _ type: Element.Type, at address: UInt, byteCount: Int, entry: LedgerEntry
  ) throws(NativeBufferError) -> Int {
    // The promise is empty, but it is read on purpose: if a type's `bitPatterns` traps instead of promising, it traps
    // here.
    _ = type.bitPatterns
    let size = MemoryLayout<Element>.stride
    guard address % UInt(MemoryLayout<Element>.alignment) == 0, byteCount % size == 0 else {
      throw error(
        named: "\(type)", size: size, alignment: MemoryLayout<Element>.alignment, at: address, byteCount: byteCount,
        entry.site)
    }
    return byteCount / size
  }

  @usableFromInline
  @inline(never)
  static func error(
    named name: String, size: Int, alignment: Int, at address: UInt, byteCount: Int, _ site: SiteID
  ) -> NativeBufferError {
    let reason: NativeBufferError.Reason =
      address % UInt(alignment) != 0
      ? .misaligned(element: name, alignment: alignment, excess: Int(address % UInt(alignment)))
      : .remainder(element: name, size: size, byteCount: byteCount)
    return NativeBufferError(reason, created: Ledger.shared.site(site))
  }
}
