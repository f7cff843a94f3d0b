// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// The loads that run in this task or on this thread, one inside the other. A caller that asks for one of them would
/// wait for itself.
enum LoadChain {
  private final class Link: Sendable {
    let load: ObjectIdentifier
    let outer: Link?

    init(_ load: AnyObject, outer: Link?) {
      self.load = ObjectIdentifier(load)
      self.outer = outer
    }
  }

  @TaskLocal private static var innermost: Link?
  static func makeStatics() { ForkGuard.touch($innermost) }

  static func contains(_ load: AnyObject) -> Bool {
    var link = innermost
    while let current = link {
      if current.load == ObjectIdentifier(load) { return true }
      link = current.outer
    }
    return false
  }

  static func run<R>(_ load: AnyObject, _ body: () throws -> R) rethrows -> R {
    try $innermost.withValue(Link(load, outer: innermost), operation: body)
  }

  static func run<R>(
    _ load: AnyObject, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R
  ) async rethrows -> R {
    try await $innermost.withValue(Link(load, outer: innermost), operation: body)
  }
}
