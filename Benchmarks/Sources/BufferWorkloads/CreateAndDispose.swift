// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport
import NativeBuffers

/// Creates and disposes uninitialised memory of one size, one block at a time.
public enum CreateAndDispose {
  public static func uniqueBuffer(_ byteCount: Int, _ use: Use) -> Workload {
    switch use {
    case .untouched: Workload("UniqueBuffer", memory: .arena) { try uniqueUntouched(byteCount, times: $0) }
    case .touched: Workload("UniqueBuffer", memory: .arena) { try uniqueTouched(byteCount, times: $0) }
    }
  }

  public static func nativeBuffer(_ byteCount: Int, _ use: Use) -> Workload {
    switch use {
    case .untouched: Workload("NativeBuffer", memory: .arena) { try nativeUntouched(byteCount, times: $0) }
    case .touched: Workload("NativeBuffer", memory: .arena) { try nativeTouched(byteCount, times: $0) }
    }
  }

  /// Like `uniqueBuffer`, but names the shared arena.
  public static func uniqueBufferOfNamedArena(_ byteCount: Int) -> Workload {
    Workload("UniqueBuffer, arena: .shared", memory: .arena) { times in
      for _ in 0..<times {
        let buffer = try UniqueBuffer(uninitializedByteCount: byteCount, arena: .shared)
        unsafe buffer.withUnsafeBytes { unsafe bench_sink($0.baseAddress) }
        buffer.dispose()
      }
    }
  }

  /// Like `nativeBuffer`, but names the shared arena.
  public static func nativeBufferOfNamedArena(_ byteCount: Int) -> Workload {
    Workload("NativeBuffer, arena: .shared", memory: .arena) { times in
      for _ in 0..<times {
        let buffer = try NativeBuffer(uninitializedByteCount: byteCount, arena: .shared)
        keepAlive(buffer)
        buffer.dispose()
      }
    }
  }

  /// Like `uniqueBuffer`, but names the shared arena by a reference that the program holds.
  public static func uniqueBufferOfHeldArena(_ byteCount: Int) -> Workload {
    let arena = Arena.shared
    return Workload("UniqueBuffer, arena: Arena.shared", memory: .arena) { times in
      for _ in 0..<times {
        let buffer = try UniqueBuffer(uninitializedByteCount: byteCount, arena: arena)
        unsafe buffer.withUnsafeBytes { unsafe bench_sink($0.baseAddress) }
        buffer.dispose()
      }
    }
  }

  /// Uses an arena that asks for huge pages or, for comparison, an arena of its own that does not.
  public static func arenaBuffer(_ byteCount: Int, hugePages: Bool) throws -> Workload {
    let name = hugePages ? "huge pages" : "small pages"
    let arena = try Arena(name: name, configuration: .init(prefersHugePages: hugePages))
    return Workload("UniqueBuffer, \(name)", memory: .arena) { times in
      for _ in 0..<times {
        var buffer = try UniqueBuffer(uninitializedByteCount: byteCount, arena: arena)
        unsafe buffer.withUnsafeMutableBytes { unsafe bench_touch_pages($0.baseAddress, $0.count) }
        buffer.dispose()
      }
    }
  }

  /// The same, but the pages go back to the kernel each time. So this shows the cost of the first touch.
  public static func freshBuffer(_ byteCount: Int, hugePages: Bool) throws -> Workload {
    let name = hugePages ? "fresh huge pages" : "fresh small pages"
    let arena = try Arena(name: name, configuration: .init(idleByteLimit: 0, prefersHugePages: hugePages))
    return Workload("UniqueBuffer, \(name)", memory: .arena) { times in
      for _ in 0..<times {
        var buffer = try UniqueBuffer(uninitializedByteCount: byteCount, arena: arena)
        unsafe buffer.withUnsafeMutableBytes { unsafe bench_touch_pages($0.baseAddress, $0.count) }
        buffer.dispose()
        arena.trim()
        try arena.purge()
      }
    }
  }

  /// The program does not dispose the buffer. When the value ends, the memory is released, and a rescue is recorded.
  public static func rescuedUniqueBuffer(_ byteCount: Int) -> Workload {
    Workload("UniqueBuffer, rescued", memory: .arena) { times in
      for _ in 0..<times {
        let buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
        unsafe buffer.withUnsafeBytes { unsafe bench_sink($0.baseAddress) }
      }
    }
  }

  /// The program does not dispose the buffer. The release of the last reference releases the memory.
  public static func rescuedNativeBuffer(_ byteCount: Int) -> Workload {
    Workload("NativeBuffer, rescued", memory: .arena) { times in
      for _ in 0..<times { keepAlive(try NativeBuffer(uninitializedByteCount: byteCount)) }
    }
  }

  /// malloc and free as a C program calls them.
  public static func malloc(_ byteCount: Int, _ use: Use) -> Workload {
    Workload("malloc+free", memory: .processMalloc) { times in
      for _ in 0..<times {
        let pointer = unsafe bench_malloc(byteCount)
        if use == .touched { unsafe bench_touch_pages(pointer, byteCount) }
        unsafe bench_free(pointer)
      }
    }
  }

  public static func jemallocMalloc(_ byteCount: Int, _ use: Use) -> Workload {
    Workload("malloc+free", memory: .jemallocMalloc) { times in
      for _ in 0..<times {
        let pointer = unsafe bench_jemalloc_malloc(byteCount)
        if use == .touched { unsafe bench_touch_pages(pointer, byteCount) }
        unsafe bench_jemalloc_free(pointer)
      }
    }
  }

  public static func rawPointer(_ byteCount: Int, _ use: Use) -> Workload {
    Workload("UnsafeMutableRawPointer", memory: .processMalloc) { times in
      for _ in 0..<times {
        let pointer = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        if use == .touched { unsafe bench_touch_pages(pointer, byteCount) } else { unsafe bench_sink(pointer) }
        unsafe pointer.deallocate()
      }
    }
  }

  /// An array whose elements are not initialised; `[UInt8](repeating:count:)` would initialise them.
  public static func array(_ byteCount: Int, _ use: Use) -> Workload {
    Workload("[UInt8]", memory: .processMalloc) { times in
      for _ in 0..<times {
        var array = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { _, count in count = byteCount }
        unsafe array.withUnsafeMutableBytes { bytes in
          let start = bytes.baseAddress
          if use == .touched { unsafe bench_touch_pages(start, byteCount) } else { unsafe bench_sink(start) }
        }
      }
    }
  }

  /// The least that a class for the same purpose costs: an object that owns memory from malloc.
  public static func minimalClass(_ byteCount: Int, _ use: Use) -> Workload {
    Workload("class owning malloc", memory: .processMalloc) { times in
      for _ in 0..<times {
        let owner = MallocOwner(byteCount)
        keepAlive(owner)
        if use == .touched { unsafe bench_touch_pages(owner.base, byteCount) }
      }
    }
  }

  /// The same with memory from jemalloc's malloc. The object itself comes from the process's malloc.
  public static func minimalJemallocClass(_ byteCount: Int, _ use: Use) -> Workload {
    Workload("class owning malloc", memory: .jemallocMalloc) { times in
      for _ in 0..<times {
        let owner = JemallocOwner(byteCount)
        keepAlive(owner)
        if use == .touched { unsafe bench_touch_pages(owner.base, byteCount) }
      }
    }
  }

  /// No allocation at all: writes the pages of one block again and again.
  public static func bareLoop(_ byteCount: Int) -> Workload {
    let block = StayingBlock(byteCount)
    return Workload("bare page loop", memory: .none) { times in
      for _ in 0..<times { unsafe bench_touch_pages(block.base, byteCount) }
    }
  }

  // MARK: The loops over this library's types, as a client would write them

  private static func uniqueUntouched(_ byteCount: Int, times: Int) throws {
    for _ in 0..<times {
      let buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
      unsafe buffer.withUnsafeBytes { unsafe bench_sink($0.baseAddress) }
      buffer.dispose()
    }
  }

  private static func uniqueTouched(_ byteCount: Int, times: Int) throws {
    for _ in 0..<times {
      var buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
      unsafe buffer.withUnsafeMutableBytes { unsafe bench_touch_pages($0.baseAddress, $0.count) }
      buffer.dispose()
    }
  }

  private static func nativeUntouched(_ byteCount: Int, times: Int) throws {
    for _ in 0..<times {
      let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
      keepAlive(buffer)
      buffer.dispose()
    }
  }

  private static func nativeTouched(_ byteCount: Int, times: Int) throws {
    for _ in 0..<times {
      let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
      keepAlive(buffer)
      unsafe try buffer.withUnsafeMutableBytes { unsafe bench_touch_pages($0.baseAddress, $0.count) }
      buffer.dispose()
    }
  }
}

/// A minimal owner of memory from the process's malloc.
@safe final class MallocOwner {
  let base: UnsafeMutableRawPointer
  init(_ byteCount: Int) { unsafe base = .allocate(byteCount: byteCount, alignment: 16) }
  deinit { unsafe base.deallocate() }
}

/// A minimal owner of memory from jemalloc's malloc.
@safe final class JemallocOwner {
  let base: UnsafeMutableRawPointer?
  init(_ byteCount: Int) { unsafe base = bench_jemalloc_malloc(byteCount) }
  deinit { unsafe bench_jemalloc_free(base) }
}

/// A block that is allocated and touched once.
// SAFETY: the address never changes, and only one thread at a time writes to the block.
@safe final class StayingBlock: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  init(_ byteCount: Int) {
    unsafe base = .allocate(byteCount: byteCount, alignment: 4096)
    unsafe bench_touch_pages(base, byteCount)
  }
  deinit { unsafe base.deallocate() }
}
