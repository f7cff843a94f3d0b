// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Finalization
import Glibc
import LeakAuditing
import NativeBuffers
import ResourceLedger
import TestSupport
import Testing

// The tests run one after the other, because EGL reads the environment that each of its tests sets.
@Suite("Resources of real libraries", .serialized)
struct RealResourceTests {
  /// What an audit says about one domain, because other tests run at the same time.
  private func audit(_ domain: some ResourceDomain) throws -> (books: DomainBooks, findings: [Finding]) {
    let report = try LeakAuditor.audit()
    let books = try #require(report.domains.first { $0.name == domain.name })
    return (books, report.findings.filter { $0.domain == domain.name })
  }

  // MARK: WASM linear memory

  /// The heap inside a WASM module. The module's own count is the census.
  final class WasmHeap: ResourceDomain {
    let name = "WASM heap"
    private let calls: Guarded<Calls>

    private struct Calls: Sendable {
      let allocate: @convention(c) (UInt32) -> UInt32
      let release: @convention(c) (UInt32) -> Void
      let liveCount: @convention(c) () -> UInt32
      let liveBytes: @convention(c) () -> UInt32
    }

    init(_ glue: Glue) {
      _ = glue.function("wasm_start", as: (@convention(c) () -> Int32).self)()
      calls = Guarded(
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

  @Test(
    "Forgotten handles are released into WASM memory, and the audit names the leak there",
    .enabled(if: Glue.wasm != nil, "needs wabt, and a clang with wasm32 and wasm-ld on the PATH"))
  func wasmMemory() throws {
    let heap = WasmHeap(try #require(Glue.wasm))
    let id = try ResourceDomains.add(heap)
    defer { ResourceDomains.remove(heap) }
    func entries() -> EntryTotals { Ledger.shared.totals(of: [id.number], bucketCount: 1)[0][0] }
    func resource(_ size: Int, line: UInt = #line) throws -> NativeResource<UInt32> {
      try NativeResource(heap.allocate(size), domain: id, byteCount: size, line: line) { heap.release($0) }
    }

    // Blocks are disposed, forgotten and kept: the module's count and the ledger's agree at every step.
    let kept = try (0..<10).map { try resource(16 * ($0 + 1)) }
    #expect(heap.census() == Census(count: 10, byteCount: Int(entries().liveByteCount)))
    for index in 0..<5 { kept[index].dispose() }
    #expect(heap.census() == Census(count: entries().liveCount, byteCount: Int(entries().liveByteCount)))
    for _ in 0..<100 { _ = try resource(32) }
    #expect(heap.census().count == 5)
    #expect(entries().liveCount == 5)

    // A registry watches handles that may be any object.
    let registry = FinalizationRegistry<UInt32>(name: "WASM", delivery: .manual) { heap.release($0) }
    for _ in 0..<100 { try registry.register(Plain(), holding: heap.allocate(64), byteCount: 64) }
    #expect(heap.census().count == 105)
    try registry.drain()
    #expect(heap.census().count == 5)

    // The books agree. Then a block is made in the module without a handle, so that only the module counts it.
    #expect(try audit(heap).findings == [])
    let orphan = heap.allocate(48)
    var (books, findings) = try audit(heap)
    #expect(findings.map(\.kind) == [.orphan] && findings.map(\.count) == [1] && findings.map(\.byteCount) == [48])
    #expect(books.kind == "custom" && books.census?.count == 6 && books.ledger.count == 5)
    heap.release(orphan)
    // The module frees a block behind its handle's back.
    let gone = try resource(112)
    try gone.withHandle { heap.release($0) }
    (books, findings) = try audit(heap)
    #expect(findings.map(\.kind) == [.ghost] && findings.map(\.count) == [1] && findings.map(\.byteCount) == [112])
    #expect(books.sites.reduce(0) { $0 + $1.count } == 6)
    _ = try gone.detach()
    #expect(try audit(heap).findings == [])
    // A handle that is left over at the end of a scope is reported as held, with its line.
    let line: UInt = #line + 1
    let (leak, report) = try LeakAuditor.scope("WASM") { try resource(80, line: line) }
    let held = try #require(report.findings.first)
    #expect(report.verdict == .faults && report.findings.count == 1)
    #expect(held.kind == .held && held.domain == "WASM heap" && held.count == 1 && held.byteCount == 80)
    #expect(held.sites.map(\.line) == [Int(line)])
    #expect(held.sites.first?.file == "FinalizationTests/RealResourceTests.swift")
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

    /// Used on the executor's thread only.
    nonisolated func delete(_ name: UInt32) {
      precondition(executor.isCurrent, "a texture was released on a thread without the context")
      glue.function("gles_delete_texture", as: (@convention(c) (UInt32) -> Void).self)(name)
    }

    func count() -> Int {
      Int(glue.function("gles_count_textures", as: (@convention(c) (UInt32) -> Int32).self)(10_000))
    }

    nonisolated func census() throws -> Census { throw Failure(number: 0) }
  }

  @Test(
    "Forgotten textures are deleted on the only thread that owns the context",
    .enabled(if: Glue.gles != nil, "needs libegl-dev, libgles-dev and libgl1-mesa-dri"))
  func textures() async throws {
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

  /// The textures of one context as a domain. The driver's own count is the census, and it is taken on the one thread
  /// that may ask the driver.
  final class TextureDomain: ResourceDomain {
    let name = "GL textures"
    private let glue: Glue
    /// The last element is nil, which ends the thread.
    private let jobs = Guarded<(waiting: [(@Sendable () -> Void)?], isStopped: Bool)>(([], false))
    private let waiting = DispatchSemaphore(value: 0)

    init(_ glue: Glue) { self.glue = glue }

    /// Starts the thread and the context.
    /// - Returns: 0, or the number of the step that failed.
    func start() throws -> Int32 {
      Worker { [self] in
        while true {
          waiting.wait()
          guard let job = jobs.withLock({ $0.waiting.removeFirst() }) else { return }
          job()
        }
      }
      return try call { $0.function("gles_start", as: (@convention(c) () -> Int32).self)() }
    }

    func stop() {
      jobs.withLock {
        $0.waiting.append(nil)
        $0.isStopped = true
      }
      waiting.signal()
    }

    func make() throws -> UInt32 {
      try call { $0.function("gles_make_texture", as: (@convention(c) (Int32, Int32) -> UInt32).self)(16, 16) }
    }

    func delete(_ name: UInt32) throws {
      try call { $0.function("gles_delete_texture", as: (@convention(c) (UInt32) -> Void).self)(name) }
    }

    /// Bytes are 0, because the driver does not say how many bytes a texture has. An audit on another thread may have
    /// listed the domain before it was removed, and may ask for the census after the end: then this throws.
    func census() throws -> Census {
      let count = try call { $0.function("gles_count_textures", as: (@convention(c) (UInt32) -> Int32).self)(1_000) }
      return Census(count: Int(count), byteCount: 0)
    }

    /// Runs a closure on the context's thread and waits for it.
    private func call<R: Sendable>(_ body: @escaping @Sendable (Glue) -> R) throws -> R {
      let result = Log<R>()
      let done = DispatchSemaphore(value: 0)
      let isRunning = jobs.withLock { jobs in
        if jobs.isStopped { return false }
        jobs.waiting.append { [glue] in
          result.add(body(glue))
          done.signal()
        }
        return true
      }
      guard isRunning else { throw Failure(number: 0) }
      waiting.signal()
      done.wait()
      return result.all[0]
    }
  }

  @Test(
    "The audit compares the driver's count of textures with the handles, and names the leak",
    .enabled(if: Glue.gles != nil, "needs libegl-dev, libgles-dev and libgl1-mesa-dri"))
  func textureAudit() throws {
    let textures = TextureDomain(try #require(Glue.gles))
    let status = try textures.start()
    defer { textures.stop() }
    try #require(status == 0, "no EGL surfaceless context: step \(status)")
    let id = try ResourceDomains.add(textures)
    defer { ResourceDomains.remove(textures) }
    func texture(line: UInt = #line) throws -> NativeResource<UInt32> {
      try NativeResource(textures.make(), domain: id, byteCount: 16 * 16 * 4, line: line) { try? textures.delete($0) }
    }

    let kept = try (0..<3).map { _ in try texture() }
    var (books, findings) = try audit(textures)
    #expect(findings == [] && !books.countsBytes)
    #expect(books.census?.count == 3 && books.ledger.count == 3 && books.ledger.byteCount == 3 * 1_024)

    let orphan = try textures.make()
    (books, findings) = try audit(textures)
    #expect(findings.map(\.kind) == [.orphan] && findings.map(\.count) == [1] && findings.map(\.byteCount) == [0])
    try textures.delete(orphan)
    #expect(try audit(textures).findings == [])

    // The texture is deleted behind its handle's back. The driver ignores a second deletion.
    try kept[0].withHandle { try textures.delete($0) }
    #expect(try audit(textures).findings.map(\.kind) == [.ghost])
    kept[0].dispose()
    #expect(try audit(textures).findings == [])

    let line: UInt = #line + 1
    let (leak, report) = try LeakAuditor.scope("textures") { try texture(line: line) }
    #expect(report.findings.map(\.domain) == ["GL textures"])
    #expect(report.findings.first?.sites.map(\.line) == [Int(line)])
    leak.dispose()
    for resource in kept { resource.dispose() }
    #expect(try textures.census().count == 0)
  }

  // MARK: Memory of a C library

  @Test(
    "Memory from libjpeg is adopted by a buffer and freed once",
    .enabled(if: Glue.jpeg != nil, "needs libjpeg-dev"))
  func libjpegMemory() throws {
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
