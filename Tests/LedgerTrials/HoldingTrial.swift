// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers

/// Holds some buffers, and then fewer.
enum HoldingTrial {
  static let count = 100
  static let disposedCount = 10
  static let byteCount = 1_000

  static func run() throws {
    let buffers = try (0..<count).map { _ in try NativeBuffer(uninitializedByteCount: byteCount) }
    LedgerTrials.pause("holding")
    for buffer in buffers.prefix(disposedCount) { buffer.dispose() }
    LedgerTrials.pause("disposed")
    withExtendedLifetime(buffers) {}
  }

  static func runWithoutMaintenance() throws {
    MaintenanceThread.turnOff()
    try run()
  }

  /// The process then goes on as a program that does not use the library, and that repeats what it reads.
  static func runBeforeOtherProgram() throws {
    let buffers = try (0..<count).map { _ in try NativeBuffer(uninitializedByteCount: byteCount) }
    LedgerTrials.pause("holding")
    print("going on")
    fflush(nil)
    var arguments = unsafe [strdup("cat"), nil]
    unsafe execv("/bin/cat", &arguments)
    withExtendedLifetime(buffers) { exit(126) }
  }

  /// In a root that has no files at all, not even `/proc`.
  static func run(inRoot folder: String) throws {
    LedgerTrials.require(unsafe chroot(folder) == 0 && chdir("/") == 0, "chroot")
    try run()
  }

  /// As a user without privileges, who may look at the process, or may not.
  static func run(asUser user: uid_t, isDumpable: Bool) throws {
    LedgerTrials.require(setgroups(0, nil) == 0 && setgid(user) == 0 && setuid(user) == 0, "setuid")
    // A process that changed its user is not dumpable at first.
    setDumpable(isDumpable)
    try run()
  }

  /// Under another name than the one that it had when it made its ledger.
  static func runRenamed() throws {
    try NativeBuffer(uninitializedByteCount: byteCount).dispose()
    // 15 is PR_SET_NAME.
    unsafe newName.withCString { prctl(15, UInt(bitPattern: $0)) }
    try run()
  }

  static let newName = "renamed-trial"

  private static func setDumpable(_ isDumpable: Bool) {
    // 4 is PR_SET_DUMPABLE.
    prctl(4, isDumpable ? 1 : 0)
  }

  private static func prctl(_ option: Int32, _ argument: UInt) {
    // Swift does not import it.
    typealias Prctl = @convention(c) (Int32, UInt, UInt, UInt, UInt) -> Int32
    guard let symbol = unsafe dlsym(nil, "prctl") else { fatalError("prctl") }
    // SAFETY: this is how the call takes its arguments, which all are numbers.
    let isSet = unsafe unsafeBitCast(symbol, to: Prctl.self)(option, argument, 0, 0, 0) == 0
    LedgerTrials.require(isSet, "prctl")
  }
}
