// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization

/// Why the ledger cannot take one more resource, site or domain.
public struct LedgerError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of refusal it is, for programs to act on. Later versions may have more codes.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The kernel gave no address space for the region.
    public static var reservationFailed: Code { Code("reservationFailed") }
    /// The kernel gave no memory for more entries.
    public static var growthFailed: Code { Code("growthFailed") }
    /// Every entry is in use.
    public static var full: Code { Code("full") }
    /// Every domain record is in use.
    public static var tooManyDomains: Code { Code("tooManyDomains") }
    /// Only the library makes entries of this kind of domain.
    public static var reservedKind: Code { Code("reservedKind") }

    /// Its name, as in this type.
    public let description: String

    private init(_ name: String) { description = name }
  }

  /// The code together with the numbers that the description shows.
  package enum Reason: Equatable, Sendable {
    case reservationFailed(byteCount: Int, errno: Int32)
    case growthFailed(entryCount: Int, errno: Int32)
    case full(entryCapacity: Int)
    case tooManyDomains(capacity: Int)
    case reservedKind(DomainKind)

    var code: Code {
      switch self {
      case .reservationFailed: .reservationFailed
      case .growthFailed: .growthFailed
      case .full: .full
      case .tooManyDomains: .tooManyDomains
      case .reservedKind: .reservedKind
      }
    }
  }

  package let reason: Reason
  public var code: Code { reason.code }

  /// Whether there may be room once resources are released.
  package var isExhaustion: Bool {
    switch reason {
    case .full, .growthFailed: true
    case .reservationFailed, .tooManyDomains, .reservedKind: false
    }
  }

  package init(_ reason: Reason) { self.reason = reason }

  /// The `errno` of the system call, if the kernel refused one.
  public var systemErrorNumber: Int32? {
    switch reason {
    case .reservationFailed(_, let errno), .growthFailed(_, let errno): errno
    default: nil
    }
  }

  public var description: String {
    switch reason {
    case .reservationFailed(let byteCount, let code):
      "address space is short: the ledger could not reserve \(byteCount) bytes of it (\(systemMessage(code))). Raise "
        + "the limit on address space (ulimit -v)."
    case .growthFailed(let entryCount, let code):
      [ENOSPC, EDQUOT, EFBIG].contains(code)
        ? "the file of the ledger could not grow past \(entryCount) entries (\(systemMessage(code))). "
          + (code == EFBIG ? "Raise the limit on the size of files (ulimit -f)" : "Free some space on its file system")
          + ", or dispose buffers."
        : "memory is short: the ledger could not grow past \(entryCount) entries (\(systemMessage(code))). Dispose "
          + "buffers, or give the process more memory."
    case .full(let capacity):
      "the ledger is full: all its \(capacity) entries are in use. Dispose resources that are not needed any more"
        + (capacity < LedgerLayout.largestEntryCapacity
          ? "; the limit on address space (ulimit -v) left no room for more entries when the ledger was made." : ".")
    case .tooManyDomains(let capacity):
      "all \(capacity) domain records of the ledger are in use, by arenas, registries and added domains. Destroy "
        + "arenas, let registries go, and remove domains that are no longer needed."
    case .reservedKind(let kind):
      "a domain of the kind \"\(kind.label)\" cannot be added: the library makes those itself. Add it as .custom."
    }
  }
}
