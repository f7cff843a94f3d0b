// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization

/// Why the ledger cannot take one more resource, site or domain.
public struct LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Code: Equatable, Sendable {
    /// The kernel gave no address space for the region.
    case reservationFailed(byteCount: Int, errno: Int32)
    /// The kernel gave no memory for more entries.
    case growthFailed(entryCount: Int, errno: Int32)
    /// Every entry is in use.
    case full(entryCapacity: Int)
    /// Every domain record is in use.
    case tooManyDomains(capacity: Int)
    /// Only the library makes entries of this kind of domain.
    case reservedKind(DomainKind)
  }

  public let code: Code

  /// Whether there may be room once resources are released.
  package var isExhaustion: Bool {
    switch code {
    case .full, .growthFailed: true
    case .reservationFailed, .tooManyDomains, .reservedKind: false
    }
  }

  package init(_ code: Code) { self.code = code }

  public var description: String {
    switch code {
    case .reservationFailed(let byteCount, let code):
      "address space is short: the ledger could not reserve \(byteCount) bytes of it (\(systemMessage(code))). Raise the "
        + "limit on address space (ulimit -v)."
    case .growthFailed(let entryCount, let code):
      "memory is short: the ledger could not grow past \(entryCount) entries (\(systemMessage(code))). Dispose buffers, "
        + "or give the process more memory."
    case .full(let capacity):
      "the ledger is full: all its \(capacity) entries are in use. Dispose resources that are not needed any more"
        + (capacity < Ledger.largestCapacity
          ? "; the limit on address space (ulimit -v) left no room for more entries when the ledger was made." : ".")
    case .tooManyDomains(let capacity):
      "all \(capacity) domain records of the ledger are in use, by arenas, registries and added domains. Destroy "
        + "arenas, let registries go, and remove domains that are no longer needed."
    case .reservedKind(let kind):
      "a domain of the kind \"\(kind.label)\" cannot be added: the library makes those itself. Add it as .custom."
    }
  }
}
