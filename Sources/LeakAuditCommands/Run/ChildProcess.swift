// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A command that this process started. It has this process's group and standard streams.
///
/// Because the command stays in the group, the terminal's control of jobs works as if this process were not there:
/// Ctrl-C and Ctrl-Z reach the command, and a shell's `fg` and `bg` as well, also if this process is part of a
/// pipeline.
struct ChildProcess {
  let id: pid_t

  /// Starts a command, which is searched for in `PATH` if its name has no slash.
  /// - Parameters:
  ///   - mask: the signals that the command has blocked at its start.
  ///   - environment: changes to this process's environment.
  /// - Throws: ``SpawnError``.
  init(_ command: [String], mask: sigset_t, environment: [String: String]) throws(SpawnError) {
    var attributes = posix_spawnattr_t()
    var mask = mask
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    unsafe posix_spawnattr_setsigmask(&attributes, &mask)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var child: pid_t = 0
    let error = unsafe withCStrings(command) { arguments in
      unsafe withCStrings(Self.environment(changedBy: environment)) { variables in
        unsafe posix_spawnp(&child, command[0], nil, &attributes, arguments, variables)
      }
    }
    guard error == 0 else { throw SpawnError(command: command[0], number: error) }
    id = child
  }

  /// This process's environment with some variables replaced or added, as `NAME=VALUE`. Bytes that are no text would
  /// be lost, so such variables are passed on as they are by their C strings.
  private static func environment(changedBy changes: [String: String]) -> [CStringValue] {
    var result: [CStringValue] = []
    var place = unsafe environ
    while let entry = unsafe place.pointee {
      let bytes = unsafe Array(UnsafeBufferPointer(start: entry, count: strlen(entry) + 1))
      let name = bytes.prefix { $0 != CChar(UInt8(ascii: "=")) }
      if !changes.keys.contains(where: { $0.utf8.elementsEqual(name.lazy.map { UInt8(bitPattern: $0) }) }) {
        result.append(CStringValue(bytes: bytes))
      }
      unsafe place += 1
    }
    return result + changes.sorted { $0.key < $1.key }.map { CStringValue("\($0.key)=\($0.value)") }
  }
}

/// Says why a command could not be started.
struct SpawnError: Error {
  let command: String
  /// errno's value.
  let number: Int32
}

/// The bytes of a C string, with the zero at its end.
private struct CStringValue {
  let bytes: [CChar]

  init(bytes: [CChar]) { self.bytes = bytes }
  init(_ text: String) { bytes = Array(text.utf8CString) }
}

private func withCStrings<R>(
  _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  unsafe withCStrings(strings.map { CStringValue($0) }, body)
}

/// Calls a closure with an array of C strings that ends with NULL, as `argv` does.
private func withCStrings<R>(
  _ strings: [CStringValue], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R
) -> R {
  // SAFETY: each copy stays allocated until the closure has returned.
  var copies: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { string in
    let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: string.bytes.count)
    _ = unsafe copy.initialize(fromContentsOf: string.bytes)
    return copy.baseAddress
  }
  defer { unsafe copies.forEach { unsafe $0?.deallocate() } }
  unsafe copies.append(nil)
  return unsafe copies.withUnsafeBufferPointer { unsafe body($0.baseAddress.unsafelyUnwrapped) }
}
