// SPDX-License-Identifier: Apache-2.0

#if NIOBridge
  @_spi(CustomByteBufferAllocator) public import NIOCore
  public import NativeBuffers

  extension ByteBuffer {
    /// A copy of a buffer's bytes, all of them readable.
    /// - Throws: `NativeBufferError` as `NativeBuffer.copyBytes(to:)`.
    /// - Complexity: O(n).
    public init(
      _ buffer: NativeBuffer, allocator: ByteBufferAllocator = ByteBufferAllocator()
    ) throws(NativeBufferError) {
      try self.init(buffer.slice(...), allocator: allocator)
    }

    /// A copy of a slice's bytes. Errors and cost are those of `init(_: NativeBuffer)`.
    public init(
      _ slice: NativeBufferSlice, allocator: ByteBufferAllocator = ByteBufferAllocator()
    ) throws(NativeBufferError) {
      try slice.checkSize()
      self = allocator.buffer(capacity: slice.byteCount)
      var failure: NativeBufferError?
      unsafe writeWithUnsafeMutableBytes(minimumWritableBytes: slice.byteCount) { memory in
        var bytes = unsafe MutableRawSpan(_unsafeBytes: memory)
        do throws(NativeBufferError) {
          try slice.copyBytes(to: &bytes)
          return slice.byteCount
        } catch {
          failure = error
          return 0
        }
      }
      if let failure { throw failure }
    }

    /// Takes a buffer's bytes over, without a copy, all of them readable. The buffer is disposed then: every access to
    /// it throws.
    ///
    ///     try await channel.writeAndFlush(ByteBuffer(takingOver: picture.buffer))
    ///
    /// The ledger counts the memory as live, with the line that created the buffer, until the last `ByteBuffer` or
    /// slice that has it ends. If bytes are written behind the last one, or while the memory is shared, they move to
    /// memory of ``ByteBufferAllocator/native``. Below 8 KiB, a copy is faster.
    /// - Throws: `NativeBufferError` if the buffer was disposed, is in use or pinned, is read-only, or has more bytes
    ///   than a `ByteBuffer` can have (4 GiB less one byte). It stays as it is then.
    /// - Complexity: O(1).
    public init(
      takingOver buffer: NativeBuffer, file: StaticString = #fileID, line: UInt = #line,
      function: StaticString = #function
    ) throws(NativeBufferError) {
      try buffer.slice(...).checkSize()
      let bytes = try BytesTakenOver(buffer, file: file, line: line, function: function)
      guard bytes.byteCount > 0 else {
        self.init()
        return
      }
      let memory = unsafe UnsafeMutableRawBufferPointer(start: bytes.start, count: bytes.byteCount)
      bytes.keepUntilReleased()
      unsafe self.init(takingOwnershipOf: memory, allocator: TakenOverMemory.allocator)
    }
  }

  extension NativeBufferSlice {
    /// A `ByteBuffer` counts its bytes in 32 bits.
    fileprivate func checkSize() throws(NativeBufferError) {
      guard byteCount <= UInt32.max else {
        throw NativeBufferError(.noRoom(byteCount: byteCount, room: Int(UInt32.max)), created: buffer.site)
      }
    }
  }

  extension NativeBuffer {
    /// Creates a read-only buffer that shares the readable bytes of a `ByteBuffer`, without a copy: see
    /// `NativeBuffer.isReadOnly`.
    ///
    /// The buffer keeps the `ByteBuffer` until it is released. If the program changes its own copy, `ByteBuffer` copies
    /// the bytes first: the buffer's bytes never change. The ledger counts it in the domain "ByteBuffer", with the line
    /// that calls this.
    /// - Throws: `NativeBufferError` if the ledger is full.
    /// - Complexity: O(1).
    public convenience init(
      sharing bytes: ByteBuffer, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
    ) throws(NativeBufferError) {
      // SAFETY: the bytes lie in an object. They stay there, unchanged, while the buffer has a copy of `bytes`.
      let readable = unsafe bytes.withUnsafeReadableBytes { unsafe $0 }
      unsafe try self.init(
        sharing: readable, of: bytes, from: AdoptedMemory.byteBuffers, file: file, line: line, function: function)
    }

    /// Creates a buffer that has a copy of the readable bytes of a `ByteBuffer`. Other parameters, errors and cost are
    /// those of `init(copying:alignment:arena:file:line:function:)`.
    public convenience init(
      copying bytes: ByteBuffer, alignment: Int = 64, arena: Arena? = nil,
      file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
    ) throws(NativeBufferError) {
      try self.init(
        copying: bytes.readableBytesSpan, alignment: alignment, arena: arena, file: file, line: line,
        function: function)
    }
  }
#endif
