// SPDX-License-Identifier: Apache-2.0

#if FoundationBridge
  import Foundation
  import LeakAuditing
  import NativeBuffers
  import NativeBuffersFoundation
  import TestSupport
  import Testing

  @Suite("Data and DispatchData beside native buffers")
  struct FoundationBridgeTests {
    private static func address(of buffer: NativeBuffer) throws -> UnsafeRawPointer? {
      unsafe try buffer.withUnsafeBytes { $0.baseAddress }
    }

    private static func address(of data: Data) -> UnsafeRawPointer? {
      unsafe data.withUnsafeBytes { $0.baseAddress }
    }

    private static func lastByte(of pin: borrowing Pin) -> UInt8 { pin.span[pin.byteCount - 1] }

    @Test("A copy as Data has the bytes, and is independent", arguments: [0, 1, 14, 15, 100_000])
    func copy(byteCount: Int) throws {
      let buffer = try Numbered.buffer(byteCount)
      let data = try Data(buffer)
      #expect(data == Data((0..<byteCount).map { UInt8($0 % 251) }))
      #expect(try Data(buffer.slice(byteCount / 2..<byteCount)) == data.suffix(byteCount - byteCount / 2))
      try buffer.fill(with: 9)
      #expect(!data.contains { $0 == 9 } || byteCount > 9 && data[9] == 9 && data[0] == 0)
      buffer.dispose()
      let error = #expect(throws: NativeBufferError.self) { _ = try Data(buffer) }
      #expect(error?.code == .disposed)
    }

    @Test("Data that takes a buffer over has its bytes in their place; the books name the line that made the buffer")
    func takeOver() throws {
      let line: UInt = #line
      let buffer = try Numbered.buffer(1_000_003, line: line)
      let place = unsafe try Self.address(of: buffer)
      var data: Data? = try Data(takingOver: buffer)
      #expect(unsafe data.map { unsafe Self.address(of: $0) } == place)
      #expect(data?.count == 1_000_003 && data?[1_000_002] == UInt8(1_000_002 % 251))
      #expect(buffer.isDisposed && !buffer.dispose())
      #expect(live(line: line) == 1_000_003)
      #expect(try LeakAuditor.audit().verdict == .clean)
      let part = data?[10..<20]
      data = nil
      #expect(live(line: line) == 1_000_003 && part?.first == 10)
      _ = consume part
      #expect(live(line: line) == 0)
      #expect(try LeakAuditor.audit().verdict == .clean)
    }

    @Test("A copy of Data does not change with it; the memory is released when the last one that has it ends")
    func copyOnWrite() throws {
      let line: UInt = #line
      var data = try Data(takingOver: Numbered.buffer(10_000, line: line))
      let kept = data
      data[0] = 77
      #expect(kept[0] == 0 && data[0] == 77 && live(line: line) == 10_000)
      // Not shared any more: it may change in its place, and grow into other memory.
      var only = consume kept
      only.append(contentsOf: [1, 2, 3])
      #expect(only.count == 10_003 && only[9_999] == UInt8(9_999 % 251) && live(line: line) == 0)
    }

    @Test("No Data takes over bytes that others read, or that are read-only; the buffer stays as it is")
    func refusals() throws {
      let buffer = try Numbered.buffer(100)
      let pin = try buffer.pin()
      let pinned = #expect(throws: NativeBufferError.self) { _ = try Data(takingOver: buffer) }
      #expect(pinned?.code == .overlappingAccess && !buffer.isDisposed)
      _ = consume pin
      let shared = try NativeBuffer(sharing: Data(count: 100))
      let readOnly = #expect(throws: NativeBufferError.self) { _ = try Data(takingOver: shared) }
      #expect(readOnly?.code == .readOnly && !shared.isDisposed)
      shared.dispose()
      #expect(try Data(takingOver: buffer).count == 100)
      let disposed = #expect(throws: NativeBufferError.self) { _ = try Data(takingOver: buffer) }
      #expect(disposed?.code == .disposed)
    }

    @Test("Small and empty buffers are released at once", arguments: [0, 1, 14])
    func small(byteCount: Int) throws {
      let line: UInt = #line
      let data = try Data(takingOver: Numbered.buffer(byteCount, line: line))
      #expect(data == Data((0..<byteCount).map { UInt8($0) }) && live(line: line) == 0)
    }

    @Test("A buffer shares the bytes of Data, and no change of the Data changes them")
    func share() throws {
      var data = Data((0..<1_000).map { UInt8($0 % 251) })
      let line: UInt = #line
      let buffer = try NativeBuffer(sharing: data, line: line)
      #expect(unsafe try Self.address(of: buffer) == Self.address(of: data))
      #expect(buffer.isReadOnly && buffer.byteCount == 1_000 && live(line: line) == 1_000)
      #expect(LeakAuditor.usage().lines.contains { $0.domain == "Data" && $0.site.line == Int(line) })
      data[0] = 99
      data.append(1)
      #expect(try [UInt8](buffer) == (0..<1_000).map { UInt8($0 % 251) })
      let error = #expect(throws: NativeBufferError.self) { try buffer.fill(with: 0) }
      #expect(error?.code == .readOnly)
      let pin = try buffer.pin()
      buffer.dispose()
      let last = Self.lastByte(of: pin)
      #expect(last == UInt8(999 % 251) && live(line: line) == 1_000)
      _ = consume pin
      #expect(live(line: line) == 0)
      #expect(try LeakAuditor.audit().verdict == .clean)
    }

    @Test("A buffer of a part of Data, and of Data that has its bytes in itself", arguments: [0, 1, 14, 15, 16, 17])
    func shareSmall(byteCount: Int) throws {
      let bytes = (0..<byteCount).map { UInt8($0 + 1) }
      let whole = try NativeBuffer(sharing: Data(bytes))
      #expect(try [UInt8](whole) == bytes && whole.isReadOnly)
      whole.dispose()
      let part = try NativeBuffer(sharing: Data((0..<100).map { UInt8($0) })[50..<50 + byteCount])
      #expect(try [UInt8](part) == (50..<50 + byteCount).map { UInt8($0) })
      part.dispose()
    }

    @Test("DispatchData shares the bytes of a buffer, which cannot change meanwhile, and stay if it is disposed")
    func dispatch() async throws {
      let line: UInt = #line
      let buffer = try Numbered.buffer(5_000, line: line)
      var data: DispatchData? = try DispatchData(sharing: buffer)
      let part = try DispatchData(sharing: buffer.slice(100..<200))
      #expect(data?.count == 5_000 && [UInt8](part) == Array(100..<200))
      let place = unsafe try Self.address(of: buffer)
      unsafe data?.enumerateBytes { bytes, _, _ in
        let start = unsafe bytes.baseAddress.map { unsafe UnsafeRawPointer($0) }
        #expect(unsafe start == place)
      }
      let error = #expect(throws: NativeBufferError.self) { try buffer.fill(with: 1) }
      #expect(error?.code == .overlappingAccess)
      buffer.dispose()
      #expect(live(line: line) == 5_000 && [UInt8](part) == Array(100..<200))
      // A part of another one keeps the bytes, too.
      var joined = DispatchData.empty
      joined.append(try #require(data?.subdata(in: 10..<20)))
      data = nil
      _ = consume part
      #expect(joined.elementsEqual((10..<20).map { UInt8($0) }) && live(line: line) == 5_000)
      joined = .empty
      // Dispatch ends the pins on a thread of its own.
      while live(line: line) > 0 { try await Task.sleep(for: .milliseconds(1)) }
      #expect(try LeakAuditor.audit().verdict == .clean)
    }

    @Test("A buffer shares the bytes of DispatchData that lie in one place; several regions are copied")
    func shareDispatch() throws {
      let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 300, alignment: 16)
      defer { unsafe memory.deallocate() }
      for index in 0..<300 { unsafe memory[index] = UInt8(index % 251) }
      let bytes = UnsafeRawBufferPointer(memory)
      // With `.free`, Swift 6.3's Dispatch for Linux ends the program. The bytes stay until the test ends.
      var data = unsafe DispatchData(bytesNoCopy: bytes, deallocator: .custom(nil, {}))
      let line: UInt = #line
      let buffer = try NativeBuffer(sharing: data, line: line)
      #expect(try unsafe Self.address(of: buffer) == bytes.baseAddress)
      #expect(buffer.isReadOnly && live(line: line) == 300)
      data.append(data)
      let joined = try NativeBuffer(sharing: data)
      #expect(try [UInt8](joined) == [UInt8](data) && joined.byteCount == 600 && joined.isReadOnly)
      let empty = try NativeBuffer(sharing: DispatchData.empty)
      #expect(empty.byteCount == 0)
      for each in [buffer, joined, empty] { each.dispose() }
      #expect(live(line: line) == 0)
    }
  }
#endif
