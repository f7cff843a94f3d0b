// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
public import ResourceLedger

/// Says why this module refused a call.
public struct FinalizationError: Error, Sendable, CustomStringConvertible {
  /// What kind of refusal it is, for programs to act on. Later versions may have more codes.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The held value is the target itself: it would keep the target alive for ever.
    public static var heldValueIsTarget: Code { Code("heldValueIsTarget") }
    /// The held value is the target's anchor, or an object with the same anchor: the anchor could then never die.
    public static var heldValueKeepsAnchor: Code { Code("heldValueKeepsAnchor") }
    /// The target's anchor belongs to another object, and would report that object's death.
    public static var anchorIsShared: Code { Code("anchorIsShared") }
    /// The target's deinit has begun: there is no later death to wait for.
    public static var targetIsDying: Code { Code("targetIsDying") }
    /// A number of bytes below 0, or beyond 2^48.
    public static var invalidByteCount: Code { Code("invalidByteCount") }
    /// The resource was disposed or detached before.
    public static var disposed: Code { Code("disposed") }
    /// The resource is in use, so it cannot be detached.
    public static var inUse: Code { Code("inUse") }
    /// The resource is in use 262,143 times already.
    public static var tooManyUses: Code { Code("tooManyUses") }
    /// A load of the named cache asked for the value that it is loading.
    public static var recursiveLoad: Code { Code("recursiveLoad") }
    /// The identifier stands for a domain that was removed.
    public static var domainRemoved: Code { Code("domainRemoved") }
    /// The domain is an arena, a registry or the like, in which only the library makes entries.
    public static var domainHoldsNoResources: Code { Code("domainHoldsNoResources") }
    /// The ledger cannot take one more resource or domain.
    public static var ledger: Code { Code("ledger") }
    /// The kernel refused a system call, with this errno value.
    public static var system: Code { Code("system") }

    /// Its name, as in this type.
    public let description: String

    private init(_ name: String) { description = name }
  }

  /// The code together with the numbers that the description shows.
  package enum Reason: Equatable, Sendable {
    case heldValueIsTarget
    case heldValueKeepsAnchor
    case anchorIsShared
    case targetIsDying
    case invalidByteCount(Int)
    case disposed
    case inUse
    case tooManyUses
    case recursiveLoad(cache: String)
    case domainRemoved
    case domainHoldsNoResources(name: String, kind: DomainKind)
    case ledger(LedgerError)
    case system(errno: Int32)

    var code: Code {
      switch self {
      case .heldValueIsTarget: .heldValueIsTarget
      case .heldValueKeepsAnchor: .heldValueKeepsAnchor
      case .anchorIsShared: .anchorIsShared
      case .targetIsDying: .targetIsDying
      case .invalidByteCount: .invalidByteCount
      case .disposed: .disposed
      case .inUse: .inUse
      case .tooManyUses: .tooManyUses
      case .recursiveLoad: .recursiveLoad
      case .domainRemoved: .domainRemoved
      case .domainHoldsNoResources: .domainHoldsNoResources
      case .ledger: .ledger
      case .system: .system
      }
    }
  }

  package let reason: Reason
  public var code: Code { reason.code }
  /// The line that created the resource, or that made the refused call; nil if neither is known.
  public let site: Site?

  init(_ reason: Reason, site: Site? = nil) {
    self.reason = reason
    self.site = site
  }

  /// The error of the ledger, if that refused.
  public var underlyingError: (any Error)? {
    if case .ledger(let error) = reason { error } else { nil }
  }

  /// The `errno` of the system call, if the kernel refused one.
  public var systemErrorNumber: Int32? {
    if case .system(let errno) = reason { errno } else { nil }
  }

  public var description: String {
    let place = site.map { " (\($0))" } ?? ""
    let creation = site.map { "; it was created at \($0)" } ?? ""
    return switch reason {
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
