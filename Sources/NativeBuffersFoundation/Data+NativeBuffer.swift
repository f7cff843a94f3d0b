// SPDX-License-Identifier: Apache-2.0

#if FoundationBridge
  public import FoundationEssentials
  import Glibc
  public import NativeBuffers

  extension Data {
    /// A copy of a buffer's bytes.
    /// - Throws: `NativeBufferError` as `NativeBuffer.copyBytes(to:)`.
    /// - Complexity: O(n).
    public init(_ buffer: NativeBuffer) throws(NativeBufferError) { try self.init(buffer.slice(...)) }

    /// A copy of a slice's bytes. Errors and cost are those of `init(_: NativeBuffer)`.
    public init(_ slice: NativeBufferSlice) throws(NativeBufferError) {
      let count = slice.byteCount
      guard count > 0 else {
        // An access to a buffer that was disposed is an error, also if there are no bytes.
        _ = try slice.pin()
        self.init()
        return
      }
      // Foundation would fill new memory with zeros first.
      guard let memory = unsafe malloc(count) else {
        throw NativeBufferError(.outOfMemory(byteCount: count, alignment: 16), created: slice.buffer.site)
      }
      var bytes = unsafe MutableRawSpan(_unsafeStart: memory, byteCount: count)
      do throws(NativeBufferError) { try slice.copyBytes(to: &bytes) } catch {
        unsafe free(memory)
        throw error
      }
      unsafe self.init(bytesNoCopy: memory, count: count, deallocator: .free)
    }

    /// Takes a buffer's bytes over, without a copy. The buffer is disposed then: every access to it throws.
    ///
    ///     let data = try Data(takingOver: NativeBuffer(byteCount: 1_000_000))
    ///
    /// The ledger counts the memory as live, with the line that created the buffer, until the last copy of the `Data`
    /// ends, or changes. `Data` copies its bytes when it is changed and other copies of it exist, as ever.
    ///
    /// There is no `Data` that *shares* its bytes with a buffer: on Linux, a `Data` that has foreign memory, and of
    /// which there is no copy, changes that memory in place. The buffer's readers would see bytes that change.
    /// `DispatchData` cannot be changed, and can share.
    /// - Throws: `NativeBufferError` if the buffer was disposed, is in use or pinned, or is read-only. It stays as it
    ///   is then, and ``init(_:)-(NativeBuffer)`` can copy its bytes.
    /// - Complexity: O(1); a copy is faster below 4 KiB. `Data` copies up to 14 bytes into itself.
    public init(
      takingOver buffer: NativeBuffer, file: StaticString = #fileID, line: UInt = #line,
      function: StaticString = #function
    ) throws(NativeBufferError) {
      let bytes = try BytesTakenOver(buffer, file: file, line: line, function: function)
      unsafe self.init(
        bytesNoCopy: bytes.start, count: bytes.byteCount,
        deallocator: .custom { _, _ in withExtendedLifetime(bytes) {} })
    }
  }

  extension NativeBuffer {
    /// Creates a read-only buffer that shares the bytes of a `Data`, without a copy: see `NativeBuffer.isReadOnly`.
    ///
    /// The buffer keeps the `Data` until it is released. If the program changes its own copy, `Data` copies the bytes
    /// first: the buffer's bytes never change. The ledger counts it in the domain "Data", with the line that calls
    /// this.
    /// `NativeBuffer(copying: data)` gives a buffer that can be changed.
    /// - Throws: `NativeBufferError` if the ledger is full.
    /// - Complexity: O(1). Data of up to 16 bytes, which may have them inside itself, are copied.
    public convenience init(
      sharing data: Data, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
    ) throws(NativeBufferError) {
      if data.count <= MemoryLayout<Data>.size {
        let bytes = Array(data)
        unsafe try self.init(
          copyingForReading: bytes.span.bytes, from: AdoptedMemory.foundationData, file: file, line: line,
          function: function)
        return
      }
      // SAFETY: all other bytes lie in an object. They stay there, unchanged, while the buffer has a copy of `data`.
      let bytes = unsafe data.withUnsafeBytes { unsafe $0 }
      unsafe try self.init(
        sharing: bytes, of: data, from: AdoptedMemory.foundationData, file: file, line: line, function: function)
    }
  }
#endif
