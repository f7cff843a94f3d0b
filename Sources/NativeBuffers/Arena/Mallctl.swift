// SPDX-License-Identifier: Apache-2.0

import CJemalloc
import Glibc

/// Typed access to jemalloc's control interface. This is the only place that calls it, and the only one that turns its
/// errno values into errors. The keys are documented in jemalloc(3), MALLCTL NAMESPACE.
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
  static func createArena() throws(ArenaError) -> UInt32 {
    do throws(ArenaError) { return try read("arenas.create") } catch {
      // jemalloc says EAGAIN in both cases.
      guard case .mallctl(_, EAGAIN) = error.reason else { throw error }
      if try hasMostArenas() { throw ArenaError(.tooManyArenas(count: arenaLimit)) }
      throw ArenaError(.noRoomForArena, shortage: .afterRequest(of: 2 << 20))
    }
  }

  /// jemalloc 5.3: `MALLOCX_ARENA_LIMIT`.
  private static let arenaLimit = 4_095

  /// Whether every index that an arena may have is taken.
  private static func hasMostArenas() throws(ArenaError) -> Bool {
    let count: UInt32 = try read("arenas.narenas")
    guard count >= arenaLimit else { return false }
    try refreshStatistics()
    // The arenas for `malloc` and the one for its large blocks come first and are skipped, because they are initialised
    // only at their first use.
    for index in try read("opt.narenas", as: UInt32.self) + 1..<count {
      // The index of a destroyed arena is given out again.
      if try !readFlag("arena.\(index).initialized") { return false }
    }
    return true
  }

  /// Makes a new arena keep no address space that it does not need.
  static func mapOnlyNeeded(arena: UInt32) throws(ArenaError) {
    let code = cjemalloc_map_only_needed(arena)
    guard code == 0 else { throw ArenaError(.mallctl(key: "arena.\(arena).extent_hooks", errno: code)) }
    // jemalloc refuses this if it keeps no address space anyway.
    try? write("arena.\(arena).retain_grow_limit", size_t(2 << 20))
  }

  /// Gives a new arena's mappings a name, so that tools which show mappings tell them apart from other memory. Does
  /// nothing if the kernel gives no names. If there is no room for it, the arena does without.
  static func nameMappings(arena: UInt32, as name: String) {
    if cjemalloc_names_mappings() { _ = unsafe cjemalloc_name_mappings(arena, mappingName(ofArena: name)) }
  }

  /// "native-buffers:" and the arena's name, cut to what the kernel takes. A character that the kernel refuses becomes
  /// a question mark.
  static func mappingName(ofArena name: String) -> String {
    let shown = name.unicodeScalars.map { scalar -> Character in
      (" "..."~").contains(scalar) && !"\\`$[]".unicodeScalars.contains(scalar) ? Character(scalar) : "?"
    }
    return String(("native-buffers:" + String(shown)).prefix(Int(CJEMALLOC_NAME_SIZE) - 1))
  }

  /// Brings the statistics up to date for the reads that follow. Cost: 5 to 25 µs per arena in the process.
  static func refreshStatistics() throws(ArenaError) { try write("epoch", UInt64(1)) }

  /// The arena that owns an address; nil if jemalloc does not know the address.
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

/// A key of an arena's statistics, looked up once and read often: `stats.arenas.<arena>.bins.<item>.curregs`.
struct MallctlPath {
  private let key: String
  private var parts = InlineArray<8, size_t>(repeating: 0)
  private var count = 8

  init(_ key: String) throws(ArenaError) {
    self.key = key
    var length = count
    var span = parts.mutableSpan
    let code = unsafe span.withUnsafeMutableBufferPointer { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return EINVAL }
      return unsafe cjemalloc_mib(key, base, &length)
    }
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
    count = length
  }

  /// Reads the value for an arena and, if the key has them, for one of its size classes. Allocates nothing.
  func read<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    arena: Int, item: Int? = nil, as type: Value.Type = Value.self
  ) throws(ArenaError) -> Value {
    var path = self
    path.parts[2] = size_t(arena)
    if let item { path.parts[4] = size_t(item) }
    return try path.read()
  }

  /// Reads the value. Allocates nothing, unlike a read by the key's name.
  func read<Value: BitwiseCopyable & ExpressibleByIntegerLiteral>(
    as type: Value.Type = Value.self
  ) throws(ArenaError) -> Value {
    var value: Value = 0
    var size = MemoryLayout<Value>.size
    let code = unsafe parts.span.withUnsafeBufferPointer { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return EINVAL }
      return unsafe cjemalloc_mallctl_by_mib(base, count, &value, &size, nil, 0)
    }
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
    return value
  }

  /// Writes the value. Allocates nothing, unlike a write by the key's name.
  func write<Value: BitwiseCopyable>(_ value: Value) throws(ArenaError) {
    var value = value
    let code = unsafe parts.span.withUnsafeBufferPointer { buffer -> Int32 in
      guard let base = buffer.baseAddress else { return EINVAL }
      return unsafe cjemalloc_mallctl_by_mib(base, count, nil, nil, &value, MemoryLayout<Value>.size)
    }
    guard code == 0 else { throw ArenaError(.mallctl(key: key, errno: code)) }
  }
}
