// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

extension Arena: ResourceDomain {
  /// Live allocations as jemalloc counts them, including idle blocks, and the bytes of their size classes.
  ///
  /// An audit does not use this: it compares size class by size class, under the arena's lock.
  /// Cost: as ``counts()``.
  /// - Throws: ``ArenaError`` as ``counts()``.
  public func census() throws(ArenaError) -> Census {
    let counts = try counts()
    return Census(count: counts.count, byteCount: counts.byteCount)
  }
}

extension Arena: NumberedDomain {
  package var domainID: DomainID { domain }
}
