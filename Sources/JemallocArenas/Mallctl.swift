import CJemalloc
import Glibc

/// Typed access to jemalloc's control interface: the one place that calls it, and the one that turns its
/// errno values into errors. Keys are documented in jemalloc(3), MALLCTL NAMESPACE.
enum Mallctl {
  static func read<Value: BitwiseCopyable>(_ key: String, as type: Value.Type = Value.self) throws(ArenaError) -> Value
  where Value: ExpressibleByIntegerLiteral {
    var value: Value = 0
    var size = MemoryLayout<Value>.size
    let code = unsafe cjemalloc_mallctl(key, &value, &size, nil, 0)
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
    guard size == MemoryLayout<Value>.size else { throw ArenaError(.mallctl(key: key, errno: EINVAL)) }
    return value
  }

  static func write<Value: BitwiseCopyable>(_ key: String, _ value: Value) throws(ArenaError) {
    var value = value
    let code = unsafe cjemalloc_mallctl(key, nil, nil, &value, MemoryLayout<Value>.size)
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
  }

  /// Reads a flag, which jemalloc keeps as one byte.
  static func readFlag(_ key: String) throws(ArenaError) -> Bool { try read(key, as: UInt8.self) != 0 }

  static func call(_ key: String) throws(ArenaError) {
    let code = unsafe cjemalloc_mallctl(key, nil, nil, nil, 0)
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
  }

  /// Creates an arena and returns its index.
  static func createArena() throws(ArenaError) -> UInt32 { try read("arenas.create") }

  /// Makes the statistics that follow current. About 16 µs per arena in the process.
  static func refreshStatistics() throws(ArenaError) { try write("epoch", UInt64(1)) }

  /// The arena that owns an address, nil where jemalloc knows nothing of it.
  static func arenaIndex(owning address: UnsafeMutableRawPointer) -> UInt32? {
    arenaIndex(owning: UInt(bitPattern: address))
  }

  private static func arenaIndex(owning address: UInt) -> UInt32? {
    var address = address
    var index: UInt32 = 0
    var size = MemoryLayout<UInt32>.size
    let code = unsafe cjemalloc_mallctl("arenas.lookup", &index, &size, &address, MemoryLayout<UInt>.size)
    return code == 0 ? index : nil
  }
}

/// A key looked up once and read often, with numbers in it that vary: `stats.arenas.0.bins.0.curregs`.
struct MallctlPath {
  private let key: String
  private var parts: [Int]

  init(_ key: String) throws(ArenaError) {
    self.key = key
    var parts = [Int](repeating: 0, count: key.split(separator: ".").count)
    var count = parts.count
    let code = unsafe parts.withUnsafeMutableBufferPointer { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return EINVAL }
      return unsafe base.withMemoryRebound(to: size_t.self, capacity: count) { unsafe cjemalloc_mib(key, $0, &count) }
    }
    guard code == 0, count == parts.count else {
      throw ArenaError(.mallctl(key: key, errno: code == 0 ? EINVAL : code))
    }
    self.parts = parts
  }

  /// Reads the value with the key's parts at `positions` (0 is the first part) replaced by numbers.
  func read<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    _ replacements: (position: Int, number: Int)..., as type: Value.Type = Value.self
  ) throws(ArenaError) -> Value {
    var parts = parts
    for (position, number) in replacements { parts[position] = number }
    var value: Value = 0
    var size = MemoryLayout<Value>.size
    let code = unsafe parts.withUnsafeBufferPointer { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return EINVAL }
      return unsafe base.withMemoryRebound(to: size_t.self, capacity: buffer.count) {
        unsafe cjemalloc_mallctl_by_mib($0, buffer.count, &value, &size, nil, 0)
      }
    }
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
    return value
  }
}
