// SPDX-License-Identifier: Apache-2.0

import BufferWorkloads
import CBenchmarkSupport
import Glibc
import NativeBuffers

/// Has many live buffers, and creates and disposes one buffer after the other, on one thread. It is the process that
/// Benchmarks/Peers/attaching.py reads from outside; the programs in Benchmarks/Peers/Attaching do the same with malloc
/// and with bytearrays.
///
///     live-buffers COUNT BYTES MORE
///
/// First it prints "ready", its process id and the time. Then it prints two numbers about every 5 ms: the nanoseconds
/// of CLOCK_MONOTONIC, and how many buffers it has created and disposed so far. Standard input takes commands of one
/// byte: "m" creates MORE buffers that stay, "w" turns about 10 µs of other work between two buffers on or off. The
/// program ends with its standard input.
@main
struct Main {
  static func main() throws {
    let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
    guard numbers.count == 3 else {
      print("usage: live-buffers COUNT BYTES MORE")
      exit(64)
    }
    let byteCount = numbers[1]
    var kept = [try keepBefore(numbers[0], byteCount)]
    print("ready \(getpid()) \(bench_nanoseconds())")

    var isWorking = false
    var operations = 0
    var due: UInt64 = 0
    while true {
      for _ in 0..<100 {
        let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
        keepAlive(buffer)
        buffer.dispose()
        if isWorking { compute() }
      }
      operations += 100
      let now = bench_nanoseconds()
      guard now >= due else { continue }
      due = now + 5_000_000
      print("\(now) \(operations)")
      fflush(nil)
      switch command() {
      case "m": kept.append(try keepAfter(numbers[2], byteCount))
      case "w": isWorking.toggle()
      default: break
      }
    }
  }

  // Two functions, so that a report shows two places.

  static func keepBefore(_ count: Int, _ byteCount: Int) throws -> [NativeBuffer] {
    try (0..<count).map { _ in try NativeBuffer(byteCount: byteCount) }
  }

  static func keepAfter(_ count: Int, _ byteCount: Int) throws -> [NativeBuffer] {
    try (0..<count).map { _ in try NativeBuffer(byteCount: byteCount) }
  }

  /// About 10 µs of other work.
  static func compute() {
    var value: UInt = 1
    for _ in 0..<8_000 {
      value ^= value << 13
      value ^= value >> 7
      value ^= value << 17
    }
    unsafe bench_sink(UnsafeRawPointer(bitPattern: value))
  }

  /// The next command, if there is one.
  static func command() -> Unicode.Scalar? {
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&input, 1, 0) > 0 else { return nil }
    var byte: UInt8 = 0
    guard unsafe read(STDIN_FILENO, &byte, 1) == 1 else { exit(0) }
    return Unicode.Scalar(byte)
  }
}
