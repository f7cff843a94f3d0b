// SPDX-License-Identifier: Apache-2.0

#if NIOBridge
  import Bitmaps
  import BitmapsNIO
  import LeakAuditing
  import NIOCore
  import NativeBuffers
  import NativeBuffersNIO
  import TestSupport
  import Testing

  // One after another, because some count what the native allocator has given out in the whole process.
  @Suite("ByteBuffers of SwiftNIO beside native buffers", .serialized)
  struct NIOBridgeTests {
    private static func address(of bytes: ByteBuffer) -> UnsafeRawPointer? {
      unsafe bytes.withUnsafeReadableBytes { $0.baseAddress }
    }

    private static func address(of buffer: NativeBuffer) throws -> UnsafeRawPointer? {
      unsafe try buffer.withUnsafeBytes { $0.baseAddress }
    }

    /// The bytes that the allocator of this package has given to ByteBuffers, with those before each of them.
    private static var allocated: Int {
      LeakAuditor.usage().sites().filter { $0.file.hasPrefix("NativeBuffersNIO/") }.reduce(0) { $0 + $1.byteCount }
    }

    @Test("A copy as a ByteBuffer has the bytes, and is independent", arguments: [0, 1, 100_000])
    func copy(byteCount: Int) throws {
      let buffer = try Numbered.buffer(byteCount)
      let copy = try ByteBuffer(buffer)
      #expect(Array(copy.readableBytesView) == Numbered.bytes(byteCount))
      let part = try ByteBuffer(buffer.slice(byteCount / 2..<byteCount))
      #expect(Array(part.readableBytesView) == Numbered.bytes(byteCount).suffix(byteCount - byteCount / 2))
      try buffer.fill(with: 255)
      #expect(Array(copy.readableBytesView) == Numbered.bytes(byteCount))
      buffer.dispose()
      let error = #expect(throws: NativeBufferError.self) { _ = try ByteBuffer(buffer) }
      #expect(error?.code == .disposed)
    }

    @Test("A ByteBuffer that takes a buffer over has its bytes in their place; the books name the buffer's line")
    func takeOver() throws {
      let line: UInt = #line
      let buffer = try Numbered.buffer(70_003, line: line)
      let place = unsafe try Self.address(of: buffer)
      var bytes = try ByteBuffer(takingOver: buffer)
      #expect(unsafe Self.address(of: bytes) == place)
      #expect(bytes.readableBytes == 70_003 && buffer.isDisposed && live(line: line) == 70_003)
      #expect(try LeakAuditor.audit().verdict == .clean)
      // A slice keeps the memory.
      let part = bytes.getSlice(at: 70_000, length: 3)
      bytes = ByteBuffer()
      #expect(live(line: line) == 70_003)
      #expect(part.map { Array($0.readableBytesView) } == Numbered.bytes(70_003).suffix(3))
      _ = consume part
      #expect(live(line: line) == 0)
      #expect(try LeakAuditor.audit().verdict == .clean)
      #expect(try ByteBuffer(takingOver: NativeBuffer(byteCount: 0)).readableBytes == 0)
    }

    @Test("What a cache holds is no leak, also if a ByteBuffer took it over; the mark ends with the memory")
    func heldByCache() throws {
      var bytes: ByteBuffer?
      let (buffer, report) = try LeakAuditor.scope("load") {
        let buffer = try Numbered.buffer(10_000)
        bytes = try ByteBuffer(takingOver: buffer)
        buffer.setHeldByCache(true)
        return buffer
      }
      #expect(report.findings.isEmpty && buffer.isDisposed && bytes?.readableBytes == 10_000)
      bytes = nil
      // The memory went to the next owner, whose mark is its own.
      let next = LeakAuditor.scope("next") {
        let next = try? Numbered.buffer(10_000)
        buffer.setHeldByCache(true)
        return next
      }
      #expect(next.report.findings.map(\.kind) == [.held])
      next.value?.dispose()
    }

    @Test("Bytes that are written while the memory is shared, or behind it, move to memory of the native allocator")
    func growth() throws {
      let line: UInt = #line
      var bytes = try ByteBuffer(takingOver: Numbered.buffer(1_000, line: line))
      let kept = bytes
      bytes.setInteger(UInt8(99), at: 0)
      #expect(kept.getInteger(at: 0, as: UInt8.self) == 0 && bytes.getInteger(at: 0, as: UInt8.self) == 99)
      #expect(live(line: line) == 1_000 && Self.allocated >= 1_000)
      var only = consume kept
      only.writeBytes([1, 2, 3])
      #expect(only.readableBytes == 1_003 && live(line: line) == 0)
      #expect(Array(only.readableBytesView) == Numbered.bytes(1_000) + [1, 2, 3])
      // Once more, in memory that was not taken over.
      only.writeBytes([UInt8](repeating: 4, count: 5_000))
      #expect(only.readableBytes == 6_003 && only.getInteger(at: 999, as: UInt8.self) == UInt8(999 % 251))
      only = ByteBuffer()
      bytes = ByteBuffer()
      #expect(Self.allocated == 0)
      #expect(try LeakAuditor.audit().verdict == .clean)
    }

    @Test("No ByteBuffer takes over bytes that others read, or that are read-only; the buffer stays as it is")
    func refusals() throws {
      let buffer = try Numbered.buffer(100)
      let pin = try buffer.pin()
      let pinned = #expect(throws: NativeBufferError.self) { _ = try ByteBuffer(takingOver: buffer) }
      #expect(pinned?.code == .overlappingAccess && !buffer.isDisposed)
      _ = consume pin
      let shared = try NativeBuffer(sharing: ByteBuffer(repeating: 1, count: 100))
      let readOnly = #expect(throws: NativeBufferError.self) { _ = try ByteBuffer(takingOver: shared) }
      #expect(readOnly?.code == .readOnly && !shared.isDisposed)
      shared.dispose()
      let large = try NativeBuffer(uninitializedByteCount: 1 << 32)
      let error = #expect(throws: NativeBufferError.self) { _ = try ByteBuffer(takingOver: large) }
      #expect(error?.code == .noRoom && !large.isDisposed)
      for each in [large, buffer] { each.dispose() }
    }

    @Test("A buffer shares the readable bytes of a ByteBuffer, and no change of the ByteBuffer changes them")
    func share() throws {
      var bytes = ByteBuffer(bytes: Numbered.bytes(1_000))
      bytes.moveReaderIndex(forwardBy: 10)
      let line: UInt = #line
      let buffer = try NativeBuffer(sharing: bytes, line: line)
      #expect(unsafe try Self.address(of: buffer) == Self.address(of: bytes))
      #expect(buffer.isReadOnly && live(line: line) == 990)
      #expect(LeakAuditor.usage().lines.contains { $0.domain == "ByteBuffer" && $0.site.line == Int(line) })
      bytes.setInteger(UInt8(255), at: 10)
      bytes.clear()
      bytes.writeBytes([UInt8](repeating: 255, count: 1_000))
      #expect(try [UInt8](buffer) == Numbered.bytes(1_000).suffix(990))
      let copy = try NativeBuffer(copying: bytes)
      #expect(!copy.isReadOnly && copy.byteCount == 1_000)
      for each in [buffer, copy] { each.dispose() }
      let empty = try NativeBuffer(sharing: ByteBuffer())
      #expect(empty.byteCount == 0)
      empty.dispose()
      #expect(live(line: line) == 0)
      #expect(try LeakAuditor.audit().verdict == .clean)
    }

    @Test("Memory of the native allocator is in the ledger, aligned to 64, grows, and goes back")
    func allocator() throws {
      let before = Self.allocated
      var bytes = ByteBufferAllocator.native.buffer(capacity: 4_096)
      #expect(Self.allocated - before == 4_096 + 64)
      bytes.writeBytes(Numbered.bytes(4_096))
      #expect(unsafe UInt(bitPattern: Self.address(of: bytes)) % 64 == 0)
      bytes.writeBytes(Numbered.bytes(10_000))
      #expect(Array(bytes.readableBytesView) == Numbered.bytes(4_096) + Numbered.bytes(10_000))
      #expect(Self.allocated - before == 16_384 + 64)
      #expect(try LeakAuditor.audit().verdict == .clean)
      bytes = ByteBuffer()
      #expect(Self.allocated == before)
    }

    @Test("Two threads take over, hand on and release ByteBuffers, and nothing is left")
    func threads() async throws {
      let line: UInt = #line
      await withThrowingTaskGroup { group in
        for _ in 0..<2 {
          group.addTask {
            for round in 0..<300 {
              let bytes = try ByteBuffer(takingOver: NativeBuffer(byteCount: 64 + round, line: line))
              let other = Task { bytes.readableBytes }
              #expect(await other.value == 64 + round)
            }
          }
        }
      }
      // The last reference may be the other task's, which ends a moment later.
      while live(line: line) > 0 { try await Task.sleep(for: .milliseconds(1)) }
      #expect(try LeakAuditor.audit().verdict == .clean)
    }

    @Test("A picture arrives in ByteBuffers, and its thumbnail leaves as one, without a copy")
    func pictures() throws {
      let picture = try Bitmap(width: 64, height: 48, format: .rgba8)
      let encoded = try picture.encoded(as: .png())
      let place = unsafe try Self.address(of: encoded.buffer)
      var request = try ByteBuffer(takingOver: encoded.buffer)
      #expect(unsafe Self.address(of: request) == place)
      var decoder = PictureDecoder()
      while let piece = request.readSlice(length: min(100, request.readableBytes)), piece.readableBytes > 0 {
        try decoder.append(piece)
        #expect(piece.readableBytes > 0)
      }
      let decoded = try decoder.finish()
      #expect(decoded.width == 64 && decoded.height == 48)
      for each in [picture, decoded] { each.dispose() }
    }
  }
#endif
