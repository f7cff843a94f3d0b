// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
public import ResourceLedger

/// Says why this module refused a call.
public struct FinalizationError: Error, Sendable, CustomStringConvertible {
  public enum Code: Sendable, Equatable {
    /// The held value is the target itself: it would keep the target alive for ever.
    case heldValueIsTarget
    /// The held value is the target's anchor, or an object with the same anchor: the anchor could then never die.
    case heldValueKeepsAnchor
    /// The target's anchor belongs to another object, and would report that object's death.
    case anchorIsShared
    /// The target's deinit has begun: there is no later death to wait for.
    case targetIsDying
    /// A number of bytes below 0, or beyond 2^48.
    case invalidByteCount(Int)
    /// The resource was disposed or detached before.
    case disposed
    /// The resource is in use, so it cannot be detached.
    case inUse
    /// The resource is in use 262,143 times already.
    case tooManyUses
    /// A load of the named cache asked for the value that it is loading.
    case recursiveLoad(cache: String)
    /// The identifier stands for a domain that was removed.
    case domainRemoved
    /// The domain is an arena, a registry or the like, in which only the library makes entries.
    case domainHoldsNoResources(name: String, kind: DomainKind)
    /// The ledger cannot take one more resource or domain.
    case ledger(LedgerError)
    /// The kernel refused a system call, with this errno value.
    case system(errno: Int32)
  }

  public let code: Code
  /// The line that created the resource, or that made the refused call; nil if neither is known.
  public let site: Site?

  init(_ code: Code, site: Site? = nil) {
    self.code = code
    self.site = site
  }

  public var description: String {
    let place = site.map { " (\($0))" } ?? ""
    let creation = site.map { "; it was created at \($0)" } ?? ""
    return switch code {
    case .heldValueIsTarget:
      "the held value is the target, which could then never die\(place). Hold what the cleanup needs instead."
    case .heldValueKeepsAnchor:
      "the held value owns the target's finalization anchor, which could then never report its end\(place). Hold what "
        + "the cleanup needs instead, and store a new anchor in each object."
    case .anchorIsShared:
      "the target's finalization anchor belongs to another object\(place). Store a new anchor in each object."
    case .targetIsDying:
      "the target is in its deinit\(place). Do there what the cleanup would do, or register earlier."
    case .invalidByteCount(let count):
      "\(count) is no number of bytes that a resource can have\(place). Give one from 0 to 281,474,976,710,656."
    case .disposed: "the resource was disposed or detached before\(creation). Keep it until its last use."
    case .inUse: "the resource is in use\(creation). Let the closures that use it return first."
    case .tooManyUses: "the resource is in use 262,143 times already\(creation)"
    case .recursiveLoad(let cache):
      "a load of the cache \"\(cache)\" asked for the value that it is loading. Use what the load has, or another key."
    case .domainRemoved:
      "the domain that the resource was to be in was removed\(place). Add it again, and use the number that it gets."
    case .domainHoldsNoResources(let name, let kind):
      "the domain \"\(name)\" (\(kind.label)) is the library's own, and takes no resources of a program's\(place). "
        + "Add a domain with ResourceDomains.add, and use its number."
    case .ledger(let error): "\(error)\(place)"
    case .system(let errno): "the kernel refused: \(systemMessage(errno))\(place)"
    }
  }
}

/// The errors of one drain in which several cleanups failed.
public struct CleanupFailures: Error, Sendable, CustomStringConvertible {
  /// In the order of delivery; two or more.
  public let errors: [any Error]

  public var description: String {
    "\(errors.count) cleanups failed: " + errors.map { "\($0)" }.joined(separator: "; ")
  }
}
