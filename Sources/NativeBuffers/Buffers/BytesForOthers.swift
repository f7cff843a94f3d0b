// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

// How a value of another package (`Data`, `DispatchData`, `ByteBuffer`) has the bytes of a buffer without a copy. Such
// a value wants an address, and says once that it needs the bytes no more. It keeps one of these objects until then.

/// The bytes of a buffer that another value took over: it alone reads and changes them.
///
/// The handle of the buffer is disposed. The ledger counts the bytes as live, with the line that created the buffer,
/// until this object's last reference ends. So they are in the books exactly, which detached memory is not.
// SAFETY: the exclusive pin keeps the bytes for the one value that has this object.
@safe package final class BytesTakenOver: Sendable {
  private let pin: MutablePin

  /// - Throws: ``NativeBufferError`` if the buffer was disposed, is in use, or is read-only. It stays as it is then.
  package init(
    _ buffer: NativeBuffer, file: StaticString, line: UInt, function: StaticString
  ) throws(NativeBufferError) {
    pin = try buffer.pinMutable()
    buffer.dispose(file: file, line: line, function: function)
  }

  package var byteCount: Int { pin.byteCount }
  /// The first byte. It stays valid while this object lives.
  package var start: UnsafeMutableRawPointer { unsafe pin.base }

  // For values that give back an address, and cannot keep an object.

  private static let lock = RankedLock(.bytesTakenOver)
  // SAFETY: guarded by `lock`. By the address of the first byte, of which no two live blocks have the same.
  nonisolated(unsafe) private static var kept: [UInt: BytesTakenOver] = [:]

  static func makeStatics() {
    ForkGuard.touch(lock)
    unsafe ForkGuard.touch(kept)
  }

  /// Keeps this object until ``release(at:)`` is called with the address of its first byte.
  package func keepUntilReleased() {
    let address = unsafe UInt(bitPattern: start)
    Self.lock.withLock { unsafe Self.kept[address] = self }
  }

  /// Ends what ``keepUntilReleased()`` began.
  /// - Returns: whether there is an object with that address.
  package static func release(at start: UnsafeMutableRawPointer) -> Bool {
    let address = UInt(bitPattern: start)
    // Released by this function's end, under no lock.
    let bytes = lock.withLock { unsafe kept.removeValue(forKey: address) }
    return bytes != nil
  }
}

/// The bytes of a buffer that another value only reads. Others read them, too, and none can change them meanwhile.
// SAFETY: the pin keeps the bytes, and keeps writers out.
@safe package final class BytesShared: Sendable {
  private let pin: Pin

  package init(_ pin: consuming Pin) { self.pin = pin }

  package var byteCount: Int { pin.byteCount }
  /// The first byte. It stays valid while this object lives.
  package var start: UnsafeRawPointer { unsafe pin.base }
}

extension NativeBuffer {
  /// Creates a read-only buffer of bytes that another value has, and keeps that value until the buffer is released.
  /// - Parameters:
  ///   - bytes: stay in their place, unchanged, while `owner` lives.
  ///   - owner: keeps the bytes.
  package convenience init(
    sharing bytes: UnsafeRawBufferPointer, of owner: some Sendable, from source: AdoptedMemory.Source,
    file: StaticString, line: UInt, function: StaticString
  ) throws(NativeBufferError) {
    // Bytes without an address are no bytes.
    guard let start = bytes.baseAddress else {
      try self.init(copyingForReading: RawSpan(), from: source, file: file, line: line, function: function)
      return
    }
    unsafe try self.init(
      adopting: UnsafeMutableRawPointer(mutating: start), byteCount: bytes.count, readOnly: true, from: source,
      file: file, line: line, function: function, deallocator: { _ in withExtendedLifetime(owner) {} })
  }

  /// Creates a read-only buffer of a copy. For values that do not have their bytes in one place that stays.
  package convenience init(
    copyingForReading bytes: RawSpan, from source: AdoptedMemory.Source, file: StaticString, line: UInt,
    function: StaticString
  ) throws(NativeBufferError) {
    let start = UnsafeMutableRawPointer.allocate(byteCount: max(bytes.byteCount, 1), alignment: 16)
    unsafe bytes.withUnsafeBytes { bytes in
      unsafe UnsafeMutableRawBufferPointer(start: start, count: bytes.count).copyMemory(from: bytes)
    }
    do throws(NativeBufferError) {
      unsafe try self.init(
        adopting: start, byteCount: bytes.byteCount, readOnly: true, from: source, file: file, line: line,
        function: function, deallocator: { unsafe $0.deallocate() })
    } catch {
      unsafe start.deallocate()
      throw error
    }
  }
}
