// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

// Swift 6.3 does not stop a closure from carrying off a span that it was lent `inout`, if it puts another span in its
// place (see Spans-And-Closures.md). So when the closure ends, by return or by error, the span in that place is
// compared with the lent one. Cost: one comparison, or none if the compiler sees the closure.

extension MutableRawSpan {
  /// Whether this span starts where the lent span started. No other span can start there, because the lent span gives
  /// exclusive access to its memory. A closure may leave a shorter part of its own span.
  @inlinable
  @inline(__always)
  package func starts(at base: UnsafeMutableRawPointer) -> Bool {
    // Compares numbers: if the compiler sees that the closure leaves the span alone, it can remove all of this.
    unsafe withUnsafeBytes { UInt(bitPattern: $0.baseAddress) == UInt(bitPattern: base) }
  }
}

extension MutableSpan {
  /// The same for a span of elements.
  @inlinable
  @inline(__always)
  func starts(at base: UnsafeMutableRawPointer) -> Bool {
    unsafe withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) == UInt(bitPattern: base) }
  }
}

extension NativeBuffer {
  /// Ends the program because a closure left another span in the place of this buffer's span that it was lent.
  @usableFromInline
  @inline(never)
  package func failExchanged() -> Never { Self.failExchanged(site) }

  @usableFromInline
  @inline(never)
  static func failExchanged(_ site: Site) -> Never {
    fatalError(
      "NativeBuffers: a closure put another span into the place of the one that it was lent of the buffer created at "
        + "\(site). A lent span is the closure's own until the closure ends: leave it where it is.")
  }
}
