// SPDX-License-Identifier: Apache-2.0

#if FoundationBridge
  public import Dispatch
  public import NativeBuffers

  extension DispatchData {
    /// Shares a buffer's bytes, without a copy.
    ///
    /// The bytes have a pin until Dispatch needs them no more: they cannot be changed until then, and stay if the
    /// buffer is disposed. Dispatch ends the pin on a thread of its own, some time after the last copy of the
    /// `DispatchData`, and of every `DispatchData` that has parts of it, has ended.
    ///
    /// On Linux, Dispatch of Swift 6.3 never gives up a `DispatchData` of which a byte was read by its index, or by
    /// `first` or `last`. Reports name the buffer's line then. `for` loops, `enumerateBytes`, `withUnsafeBytes`,
    /// `copyBytes` and parts have no such fault.
    /// - Throws: `NativeBufferError` as `NativeBuffer.pin()`.
    /// - Complexity: O(1).
    public init(sharing buffer: NativeBuffer) throws(NativeBufferError) { self.init(sharing: try buffer.pin()) }

    /// Shares the bytes of a slice. Errors and cost are those of ``init(sharing:)-(NativeBuffer)``.
    public init(sharing slice: NativeBufferSlice) throws(NativeBufferError) { self.init(sharing: try slice.pin()) }

    private init(sharing pin: consuming Pin) {
      let bytes = BytesShared(pin)
      // SAFETY: the pin keeps the bytes, unchanged, until Dispatch has run the closure and released it.
      unsafe self.init(
        bytesNoCopy: UnsafeRawBufferPointer(start: bytes.start, count: bytes.byteCount),
        deallocator: .custom(nil, { withExtendedLifetime(bytes) {} }))
    }
  }

  extension NativeBuffer {
    /// Creates a read-only buffer that shares the bytes of a `DispatchData`, without a copy: see
    /// `NativeBuffer.isReadOnly`.
    ///
    /// The buffer keeps the `DispatchData` until it is released. The ledger counts it in the domain "DispatchData",
    /// with the line that calls this.
    /// - Throws: `NativeBufferError` if the ledger is full.
    /// - Complexity: O(1) if the bytes lie in one place. If they lie in several regions, they are copied: O(n).
    public convenience init(
      sharing data: DispatchData, file: StaticString = #fileID, line: UInt = #line, function: StaticString = #function
    ) throws(NativeBufferError) {
      var first = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
      unsafe data.enumerateBytes { region, _, stop in
        unsafe first = UnsafeRawBufferPointer(region)
        stop = true
      }
      guard first.count == data.count else {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(data.count)
        unsafe data.enumerateBytes { region, _, _ in unsafe bytes.append(contentsOf: region) }
        unsafe try self.init(
          copyingForReading: bytes.span.bytes, from: AdoptedMemory.dispatchData, file: file, line: line,
          function: function)
        return
      }
      // SAFETY: a `DispatchData` has no function that changes its bytes, and they stay while the buffer has it.
      unsafe try self.init(
        sharing: first, of: Keeper(data: data), from: AdoptedMemory.dispatchData, file: file, line: line,
        function: function)
    }
  }

  // SAFETY: Dispatch's objects are made for use by many threads, and this one is only kept, and released.
  @safe private struct Keeper: @unchecked Sendable {
    let data: DispatchData
  }
#endif
