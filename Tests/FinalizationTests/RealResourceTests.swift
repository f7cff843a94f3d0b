import Finalization
import Glibc
import NativeBuffers
import ResourceLedger
import Synchronization
import Testing

@Suite struct RealResourceTests {
  // MARK: WASM linear memory

  /// The heap inside a WASM module: the module's own count is the census.
  final class WasmHeap: ResourceDomain {
    let name = "WASM heap"
    private let calls: Mutex<Calls>

    private struct Calls: Sendable {
      let allocate: @convention(c) (UInt32) -> UInt32
      let release: @convention(c) (UInt32) -> Void
      let liveCount: @convention(c) () -> UInt32
      let liveBytes: @convention(c) () -> UInt32
    }

    init(_ glue: Glue) {
      _ = glue.function("wasm_start", as: (@convention(c) () -> Int32).self)()
      calls = Mutex(
        Calls(
          allocate: glue.function("wasm_allocate", as: (@convention(c) (UInt32) -> UInt32).self),
          release: glue.function("wasm_release", as: (@convention(c) (UInt32) -> Void).self),
          liveCount: glue.function("wasm_live_count", as: (@convention(c) () -> UInt32).self),
          liveBytes: glue.function("wasm_live_bytes", as: (@convention(c) () -> UInt32).self)))
    }

    func allocate(_ size: Int) -> UInt32 { calls.withLock { $0.allocate(UInt32(size)) } }
    func release(_ address: UInt32) { calls.withLock { $0.release(address) } }

    func census() -> Census {
      calls.withLock { Census(count: Int($0.liveCount()), byteCount: Int($0.liveBytes())) }
    }
  }

  @Test(.enabled(if: Glue.wasm != nil, "needs wabt, and a clang with wasm32 and wasm-ld on the PATH"))
  func `Forgotten handles are released into WASM memory, and the books name what leaks there`() throws {
    let heap = WasmHeap(try #require(Glue.wasm))
    let id = try ResourceDomains.add(heap)
    defer { ResourceDomains.remove(heap) }
    func entries() -> EntryTotals { Ledger.shared.totals(of: [id], bucketCount: 1)[0][0] }
    func resource(_ size: Int, line: UInt = #line) throws -> NativeResource<UInt32> {
      try NativeResource(heap.allocate(size), domain: id, byteCount: size, line: line) { heap.release($0) }
    }

    // Disposed, forgotten, and kept: the module's count and the ledger's agree at every step.
    let kept = try (0..<10).map { try resource(16 * ($0 + 1)) }
    #expect(heap.census() == Census(count: 10, byteCount: entries().liveByteCount))
    for index in 0..<5 { kept[index].dispose() }
    #expect(heap.census() == Census(count: entries().liveCount, byteCount: entries().liveByteCount))
    for _ in 0..<100 { _ = try resource(32) }
    #expect(heap.census().count == 5)
    #expect(entries().liveCount == 5)

    // Handles that are any object, by a registry.
    let registry = FinalizationRegistry<UInt32>(name: "WASM", delivery: .manual) { heap.release($0) }
    for _ in 0..<100 { try registry.register(Plain(), holding: heap.allocate(64), byteCount: 64) }
    #expect(heap.census().count == 105)
    try registry.drain()
    #expect(heap.census().count == 5)

    // A block behind the library's back is in one book only; a held one has its line in the other.
    let orphan = heap.allocate(48)
    #expect(heap.census().count - entries().count == 1)
    heap.release(orphan)
    let line: UInt = #line + 1
    let leak = try resource(80, line: line)
    var sites: [Site] = []
    Ledger.shared.forEachResource { _, snapshot in
      if snapshot.domain == id, snapshot.byteCount == 80 { sites.append(Ledger.shared.site(snapshot.site)) }
    }
    #expect(sites.contains { $0.line == Int(line) && $0.file.hasSuffix("RealResourceTests.swift") })
    leak.dispose()
    for resource in kept { resource.dispose() }
    #expect(heap.census() == Census(count: 0, byteCount: 0))
  }

  // MARK: Textures

  /// OpenGL ES on the one thread that owns the context.
  actor Textures: ResourceDomain {
    nonisolated let name = "textures"
    nonisolated let executor = OneThread()
    private let glue: Glue

    init(_ glue: Glue) { self.glue = glue }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func start() -> Int32 { glue.function("gles_start", as: (@convention(c) () -> Int32).self)() }

    func make(_ side: Int32) -> UInt32 {
      glue.function("gles_make_texture", as: (@convention(c) (Int32, Int32) -> UInt32).self)(side, side)
    }

    /// On the executor's thread only.
    nonisolated func delete(_ name: UInt32) {
      precondition(executor.isCurrent, "a texture was released on a thread without the context")
      glue.function("gles_delete_texture", as: (@convention(c) (UInt32) -> Void).self)(name)
    }

    func count() -> Int {
      Int(glue.function("gles_count_textures", as: (@convention(c) (UInt32) -> Int32).self)(10_000))
    }

    nonisolated func census() throws -> Census { throw Failure(number: 0) }
  }

  @Test(.enabled(if: Glue.gles != nil, "needs libegl-dev, libgles-dev and libgl1-mesa-dri"))
  func `Forgotten textures are deleted on the one thread that owns the context`() async throws {
    let textures = Textures(try #require(Glue.gles))
    let status = await textures.start()
    try #require(status == 0, "no EGL surfaceless context: step \(status)")
    let deleted = Log<UInt32>()
    let registry = FinalizationRegistry<UInt32>(name: "textures", delivery: .executor(textures.executor)) { name in
      textures.delete(name)
      deleted.add(name)
    }
    var kept: [Anchored] = []
    for number in 0..<60 {
      let name = await textures.make(64)
      try #require(name != 0)
      let handle = Anchored()
      try registry.register(handle, holding: name, byteCount: 64 * 64 * 4)
      if number % 3 == 0 { kept.append(handle) }
    }
    await registry.flush()
    #expect(deleted.count == 40)
    var live = await textures.count()
    #expect(live == 20)
    #expect(registry.census() == Census(count: 20, byteCount: 20 * 64 * 64 * 4))
    kept = []
    await registry.flush()
    live = await textures.count()
    #expect(live == 0)
    textures.executor.stop()
  }

  // MARK: Memory of a C library

  @Test(.enabled(if: Glue.jpeg != nil, "needs libjpeg-dev"))
  func `Memory from libjpeg is adopted by a buffer and freed once`() throws {
    typealias Ramp = @convention(c) (Int32, Int32, UnsafeMutablePointer<UInt>) -> UnsafeMutableRawPointer?
    let ramp = unsafe try #require(Glue.jpeg).function("jpeg_gray_ramp", as: Ramp.self)
    let freed = Log<UInt>()
    var size: UInt = 0
    let pointer = unsafe ramp(64, 64, &size)
    let memory = unsafe try #require(pointer)
    let address = UInt(bitPattern: memory)
    do {
      let buffer = unsafe try NativeBuffer(unsafeAdopting: memory, byteCount: Int(size)) { pointer in
        freed.add(UInt(bitPattern: pointer))
        unsafe free(pointer)
      }
      let magic = unsafe try buffer.withUnsafeBytes { bytes in unsafe Array(bytes.prefix(2)) }
      #expect(magic == [0xFF, 0xD8])
      #expect(freed.all == [])
    }
    #expect(freed.all == [address])
  }
}
