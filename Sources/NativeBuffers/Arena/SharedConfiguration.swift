// SPDX-License-Identifier: Apache-2.0

import Glibc
import NativeSynchronization
import ResourceLedger
import Synchronization

/// How the shared arena keeps memory: as the program chose, or else as the environment says.
enum SharedConfiguration {
  /// The address of the configuration that the program chose; 0 for none. It is never freed.
  private static let chosen = Atomic<UInt>(0)

  static func makeStatics() { ForkGuard.touch(chosen) }

  static func choose(_ configuration: Arena.Configuration) {
    let place = UnsafeMutablePointer<Arena.Configuration>.allocate(capacity: 1)
    unsafe place.initialize(to: configuration)
    chosen.store(UInt(bitPattern: place), ordering: .sequentiallyConsistent)
  }

  static var value: Arena.Configuration {
    let address = chosen.load(ordering: .sequentiallyConsistent)
    // SAFETY: `choose` put a configuration there, which is never freed.
    return unsafe UnsafePointer<Arena.Configuration>(bitPattern: address)?.pointee ?? .fromEnvironment
  }
}

extension Arena.Configuration {
  /// The configuration that the shared arena has if the program chooses none: the usual one, with what these variables
  /// of the environment say.
  ///
  /// | variable | sets | example |
  /// | --- | --- | --- |
  /// | `NATIVE_BUFFERS_IDLE_LIMIT` | ``idleByteLimit`` | `32MiB`, `1.5g`, `0` |
  /// | `NATIVE_BUFFERS_IDLE_TIME` | ``idleTime`` | `30s`, `2m`, `never` |
  /// | `NATIVE_BUFFERS_DIRTY_TIME` | ``dirtyDecay`` | `1s`, `never` |
  /// | `NATIVE_BUFFERS_HUGE_PAGES` | ``prefersHugePages`` | `yes`, `no` |
  ///
  /// A value that is none of these is ignored, with one line on standard error. An empty one is as if it were not set.
  public static var fromEnvironment: Arena.Configuration {
    var configuration = Arena.Configuration()
    read("NATIVE_BUFFERS_IDLE_LIMIT") { text throws(ValueRefusal) in
      configuration.idleByteLimit = try ByteSize.parse(text)
    }
    read("NATIVE_BUFFERS_IDLE_TIME") { text throws(ValueRefusal) in configuration.idleTime = try time(text) }
    read("NATIVE_BUFFERS_DIRTY_TIME") { text throws(ValueRefusal) in configuration.dirtyDecay = try time(text) }
    read("NATIVE_BUFFERS_HUGE_PAGES") { text throws(ValueRefusal) in
      switch text {
      case "yes": configuration.prefersHugePages = true
      case "no": configuration.prefersHugePages = false
      default: throw ValueRefusal("Give yes or no.")
      }
    }
    return configuration
  }

  private static func time(_ text: String) throws(ValueRefusal) -> Duration? {
    guard text != "never" else { return nil }
    let seconds = try Age.parse(text)
    guard seconds <= largestTime else { throw ValueRefusal("Give a shorter time, or never.") }
    return .seconds(seconds)
  }

  /// Reads a variable, if it is set and not empty.
  private static func read(_ name: StaticString, _ use: (String) throws(ValueRefusal) -> Void) {
    let text = name.withUTF8Buffer { _ in
      unsafe getenv(UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self))
    }
    guard let text = unsafe text, unsafe text.pointee != 0 else { return }
    let value = unsafe String(cString: text)
    do throws(ValueRefusal) { try use(value) } catch {
      StandardError.print("\(name)=\(value) is ignored. \(error)")
    }
  }
}
