// SPDX-License-Identifier: Apache-2.0

/// Domain numbers that were given back. Guarded by the ledger's `interning`.
struct SpareDomainNumbers {
  /// Numbers of the library's own domains (arenas, registries and so on). No entry carries them.
  var ofLibrary: [UInt16] = []
  /// Numbers of clients' domains that no entry carries. They are kept apart: if a thread creates a resource in a domain
  /// while another thread removes the domain, an entry carries the number for a moment, until the first thread finds
  /// out.
  var ofClients: [UInt16] = []
  /// Numbers of clients' domains that may still be carried, by entries of resources that were not released.
  var carried: [UInt16] = []
  /// When `carried` has this many numbers, the ledger looks which of them no entry carries any more.
  var firstLook = Self.shortestLook

  static let shortestLook = 64
}
