import ResourceLedger

/// What there was too little of when memory was refused.
public enum MemoryShortage: Equatable, Sendable, CustomStringConvertible {
  /// Address space: the process may map this many bytes in all (`ulimit -v`).
  case addressSpace(limit: Int)
  /// Private memory: the process may have this many bytes of it in all (`ulimit -d`).
  case privateMemory(limit: Int)
  /// Memory of the system: no limit of the process is near.
  case memory

  /// What a request for so many bytes failed for, as far as can be seen right after it.
  static func afterRequest(of byteCount: Int) -> MemoryShortage {
    let largest = 1 << 47
    if byteCount >= largest { return .addressSpace(limit: largest) }
    // With what is reserved for `malloc`, and what jemalloc maps for its own books.
    guard let nearest = ProcessMemory.nearestLimit, nearest.left < byteCount + 16 << 20 else { return .memory }
    return switch nearest.limit {
    case .addressSpace: .addressSpace(limit: nearest.byteCount)
    case .data: .privateMemory(limit: nearest.byteCount)
    }
  }

  public var description: String {
    switch self {
    case .addressSpace(let limit):
      "address space is short: the process may map \(limit) bytes in all (ulimit -v), and too few are left"
    case .privateMemory(let limit):
      "memory is short: the process may have \(limit) bytes of its own in all (ulimit -d), and too few are left"
    case .memory: "memory is short: the system gives the process no more"
    }
  }
}
