// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeBuffers
import TestSupport

/// Holds buffers and has children. Each process prints what it is and its id. All of them end when standard input ends.
enum ChildTrial {
  static let heldCount = 30
  static let heldByteCount = 1_000
  static let workerCount = 3
  static let ownByteCount = 2_000

  /// A worker disposes as many buffers of its parent as its number says, and creates ten times as many.
  static func fork() throws {
    let held = try hold()
    for number in 1...workerCount {
      guard child() == 0 else { continue }
      for buffer in held.prefix(number) { LedgerTrials.require(buffer.dispose(), "dispose") }
      let own = try (0..<10 * number).map { _ in try NativeBuffer(byteCount: ownByteCount) }
      tell("worker\(number)")
      withExtendedLifetime((held, own)) { waitForEnd() }
    }
    tell("parent")
    withExtendedLifetime(held) { waitForEnd() }
  }

  /// The child uses the library, and then becomes another program.
  static func exec() throws {
    let held = try hold()
    if child() == 0 {
      for buffer in held.prefix(5) { buffer.dispose() }
      tell("child")
      var arguments = unsafe program
      _ = unsafe execv("/proc/self/exe", &arguments)
      _exit(127)
    }
    tell("parent")
    withExtendedLifetime(held) { waitForEnd() }
  }

  static func spawn() throws {
    let held = try hold()
    var id = pid_t()
    var arguments = unsafe program
    LedgerTrials.require(unsafe posix_spawn(&id, "/proc/self/exe", nil, nil, &arguments, environ) == 0, "posix_spawn")
    print("child \(id)")
    tell("parent")
    withExtendedLifetime(held) { waitForEnd() }
  }

  private static func hold() throws -> [NativeBuffer] {
    try (0..<heldCount).map { _ in try NativeBuffer(uninitializedByteCount: heldByteCount) }
  }

  private static var program: [UnsafeMutablePointer<CChar>?] { unsafe [strdup("ledger-trials"), strdup("hold"), nil] }

  private static func child() -> pid_t {
    let child = Forking.fork(secondsOfChild: 300)
    LedgerTrials.require(child >= 0, "fork")
    return child
  }

  private static func tell(_ name: String) {
    print("\(name) \(getpid())")
    fflush(nil)
  }

  private static func waitForEnd() -> Never {
    var byte: UInt8 = 0
    while unsafe read(STDIN_FILENO, &byte, 1) > 0 {}
    _exit(0)
  }
}
