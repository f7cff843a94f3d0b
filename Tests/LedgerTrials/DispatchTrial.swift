// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Glibc
import ResourceLedger
import SystemPackage

/// Uses Dispatch after the domain of file descriptors has begun, and says how many descriptors that domain counts.
///
/// It is a process of its own, because a process that runs tests has used Dispatch before.
enum DispatchTrial {
  private final class Value: Sendable {}

  static func run() throws {
    // The domain begins with it.
    let owned = try OwnedFileDescriptor.open("/dev/null", .readOnly)
    try pause("an owned descriptor")

    let cache = ResourceCache<Int, Value>(name: "values")
    let value = try cache.value(for: 1) { Value() }
    // The cache's first value started a timer of Dispatch. If this later one is over, Dispatch has begun.
    wait { DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20), execute: $0) }
    try pause("a cache")

    wait { DispatchQueue.global().asyncAfter(wallDeadline: .now() + .milliseconds(1), execute: $0) }
    wait { done in
      Task {
        try await Task.sleep(for: .milliseconds(1), clock: .suspending)
        try await Task.sleep(for: .milliseconds(1), clock: .continuous)
        done()
      }
    }
    try pause("timers of all clocks")

    // Swift imports neither call.
    typealias Create = @convention(c) (Int32, Int32) -> Int32
    for name in ["epoll_create1", "eventfd"] {
      guard let symbol = unsafe dlsym(nil, name) else { fatalError(name) }
      // SAFETY: the arguments are numbers; `epoll_create1` ignores the second one.
      LedgerTrials.require(unsafe unsafeBitCast(symbol, to: Create.self)(0, 0) >= 0, name)
    }
    try pause("an epoll and an eventfd of the program")
    withExtendedLifetime((owned, value, cache)) {}
  }

  private static func wait(_ begin: (_ done: @escaping @Sendable () -> Void) -> Void) {
    let semaphore = DispatchSemaphore(value: 0)
    begin { semaphore.signal() }
    semaphore.wait()
  }

  private static func pause(_ what: String) throws {
    LedgerTrials.pause("\(what): \(try FileDescriptorDomain.shared.census().count) counted")
  }
}
