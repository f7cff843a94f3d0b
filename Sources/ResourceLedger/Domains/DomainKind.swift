// SPDX-License-Identifier: Apache-2.0

/// What sort of resource a domain counts.
public struct DomainKind: Hashable, Sendable {
  /// The number of the kind in the ledger.
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// A jemalloc arena; the bucket of its entries is a size class index.
  public static var arena: DomainKind { DomainKind(rawValue: 1) }
  /// Memory that other code allocated and a buffer adopted. It has no census, so there is only one book.
  public static var adoptedMemory: DomainKind { DomainKind(rawValue: 2) }
  /// A finalization registry: an entry is a registration, and its address is the registry's own record of it.
  public static var finalizationRegistry: DomainKind { DomainKind(rawValue: 3) }
  /// Handles with a release closure that are in no other domain. They have no census, so there is only one book.
  public static var nativeResource: DomainKind { DomainKind(rawValue: 4) }
  /// Open file descriptors.
  public static var fileDescriptor: DomainKind { DomainKind(rawValue: 5) }
  /// A domain that the program added.
  public static var custom: DomainKind { DomainKind(rawValue: 6) }

  /// Whether its resources are buffers.
  package var isOfBuffers: Bool { self == .arena || self == .adoptedMemory }

  /// Whether the program creates resources of such a domain, as native resources. Only the library makes entries of the
  /// other kinds, because they mean more to it: an arena's entries are blocks of memory.
  package var isOfClients: Bool {
    rawValue != 0 && self != .arena && self != .adoptedMemory && self != .finalizationRegistry
  }

  /// The kind's name in reports.
  package var label: String {
    switch self {
    case .arena: "arena"
    case .adoptedMemory: "adopted memory"
    case .finalizationRegistry: "finalization registry"
    case .nativeResource: "native resources"
    case .fileDescriptor: "file descriptors"
    case .custom: "custom"
    default: "kind \(rawValue)"
    }
  }
}
