// SPDX-License-Identifier: Apache-2.0

public import ResourceLedger

// Swift 6.3 lets a closure put another span into the place of one that it was lent `inout`, and so carry the lent one off
// (see Spans-And-Closures.md). What is left in its place is compared when the closure ends, by return or by error. Cost: one
// comparison, or none where the compiler sees the closure.

extension MutableRawSpan {
  /// Whether this starts where the span started that was lent. No other one does: who has it has the memory to itself.
  /// A closure may leave a shorter part of its own span.
  @inlinable
  @inline(__always)
  package func starts(at base: UnsafeMutableRawPointer) -> Bool {
    // As numbers: of a span that the compiler sees left alone, nothing of this stays then.
    unsafe withUnsafeBytes { UInt(bitPattern: $0.baseAddress) == UInt(bitPattern: base) }
  }
}

extension NativeBuffer {
  /// Ends the program: a closure exchanged what it was lent of this buffer.
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
