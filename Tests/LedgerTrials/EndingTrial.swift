// SPDX-License-Identifier: Apache-2.0

import Finalization
import Glibc
import NativeBuffers
import TestSupport

/// Ends in a given way, with or without a buffer that is still live.
enum EndingTrial {
  enum Way: String, CaseIterable {
    case clean, held, failing, aborting, killed, exec, fork, kept, keptAndHeld, faults, forkAndWait
  }

  static let byteCount = 1_000_000

  static func run(_ way: Way) throws {
    // Otherwise each death would leave a file.
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    try NativeBuffer(byteCount: byteCount).dispose()
    switch way {
    case .clean: return
    case .held: try forget()
    case .failing:
      try forget()
      exit(3)
    case .aborting:
      try forget()
      // Swift's runtime would print a backtrace, which takes seconds.
      signal(SIGABRT, SIG_DFL)
      abort()
    case .killed:
      try forget()
      kill(getpid(), SIGKILL)
    case .exec:
      try forgetBeforeExec()
      var arguments = unsafe [strdup("ledger-trials"), strdup("ending"), strdup("held"), nil]
      unsafe execv("/proc/self/exe", &arguments)
      exit(126)
    case .fork:
      let child = Forking.fork()
      if child == 0 {
        try forget()
        exit(0)
      }
      exit(Forking.status(of: child) == 0 ? 0 : 125)
    case .forkAndWait:
      let child = Forking.fork()
      if child == 0 {
        try forget()
        usleep(2_100_000)
        exit(0)
      }
      exit(Forking.status(of: child) == 0 ? 0 : 125)
    case .kept: try keepOnPurpose()
    case .keptAndHeld:
      try keepOnPurpose()
      try forget()
    case .faults: try FaultsTrial.plant()
    }
  }

  /// A cache of buffers and of resources, and what is meant to live as long as the process.
  private static func keepOnPurpose() throws {
    for key in 0..<3 {
      _ = try buffers.value(for: key) { try NativeBuffer(byteCount: byteCount) }
      _ = try resources.value(for: key) { try NativeResource(key, byteCount: 10) { _ in } }
    }
    try ProcessLifetime.scope {
      unsafe kept.append(try NativeBuffer(byteCount: byteCount))
      unsafe resource = try NativeResource(7, byteCount: 10) { _ in }
      unsafe pipe = try OwnedFileDescriptor.pipe()
      try registry.register(resources, holding: 1, byteCount: 10)
    }
  }

  private static let buffers = ResourceCache<Int, NativeBuffer>(name: "buffers", strongByteLimit: 1 << 30) {
    $0.byteCount
  }
  private static let resources = ResourceCache<Int, NativeResource<Int>>(name: "resources", strongByteLimit: 30) {
    _ in 10
  }
  private static let registry = FinalizationRegistry<Int>(name: "registry") { _ in }
  // SAFETY: only the main thread uses them.
  private nonisolated(unsafe) static var resource: NativeResource<Int>?
  private nonisolated(unsafe) static var pipe: (reader: OwnedFileDescriptor, writer: OwnedFileDescriptor)?

  private static func forget() throws { unsafe kept.append(try NativeBuffer(byteCount: byteCount)) }
  private static func forgetBeforeExec() throws { unsafe kept.append(try NativeBuffer(byteCount: byteCount)) }

  /// A global is not released at the end of the process.
  // SAFETY: only the main thread uses it.
  private nonisolated(unsafe) static var kept: [NativeBuffer] = []
}
