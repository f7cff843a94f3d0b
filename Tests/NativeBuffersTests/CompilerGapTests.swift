// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// Code that Swift 6.3.1 accepts although it should not, or cannot compile although it should. If one of these tests
/// fails, the compiler was repaired: then say so in Ownership-And-Pins.md and Spans-And-Closures.md, and move the case
/// to those that the compiler refuses.
@Suite("Known gaps of the compiler", .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
struct CompilerGapTests {
  private func check(_ body: String, builds: Bool, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let source = """
      import NativeBuffers
      struct Stop: Error {}
      func lend(_ body: (Span<Int>) throws -> Void) rethrows { let array = [1]; try body(array.span) }
      func test() throws {
      \(body)
      }
      """
    let outcome = try TypeChecker.check(source, isStrict: true)
    #expect(outcome.succeeded == builds, "\(body)\n\(outcome.diagnostics)", sourceLocation: sourceLocation)
  }

  @Test("A closure can keep its span if it throws, but not if it returns")
  func throwing() throws {
    try check(
      "var kept = Span<Int>(); do { try lend { kept = $0; throw Stop() } } catch {}; print(kept[0])", builds: true)
    try check("var kept = Span<Int>(); lend { kept = $0 }; print(kept[0])", builds: false)
    try check(
      """
      let buffer = try NativeBuffer(byteCount: 8)
      var kept = RawSpan()
      do { try buffer.withBytes { kept = $0; throw Stop() } } catch {}
      print(kept.byteCount)
      """, builds: true)
    try check(
      "let buffer = try NativeBuffer(byteCount: 8)\n"
        + "var kept = RawSpan(); try buffer.withBytes { kept = $0 }; print(kept.byteCount)",
      builds: false)
  }

  @Test("A constant buffer whose span was used cannot be disposed, but a variable and a consuming parameter can")
  func constant() throws {
    try check("let b = try UniqueBuffer(byteCount: 8); print(b.span[0]); b.dispose()", builds: false)
    try check("var b = try UniqueBuffer(byteCount: 8); b.access { print($0.span[0]) }; b.dispose()", builds: true)
    try check("func end(_ b: consuming UniqueBuffer) { print(b.span[0]); b.dispose() }", builds: true)
  }

  @Test("A mutable span may outlive its owner, but a read-only span may not")
  func mutable() throws {
    try check(
      "var kept = MutableSpan<Int>(); do { var array = [1]; kept = array.mutableSpan }; kept[0] = 2", builds: true)
    try check("var kept = Span<Int>(); do { let array = [1]; kept = array.span }; print(kept[0])", builds: false)
    try check(
      """
      var kept = MutableSpan<UInt8>()
      do { var pin = try NativeBuffer(byteCount: 8).pinMutable(); kept = pin.mutableSpan }
      kept[0] = 1
      """, builds: true)
    try check(
      """
      var kept = MutableRawSpan()
      try NativeBuffer(byteCount: 8).withMutableBytes { kept = $0._mutatingExtracting(0..<4) }
      kept.storeBytes(of: 1, as: UInt8.self)
      """, builds: true)
    try check(
      "var kept = Span<UInt8>()\n"
        + "do { let pin = try NativeBuffer(byteCount: 8).pin(); kept = pin.span; throw Stop() } catch {}\n"
        + "print(kept[0])",
      builds: false)
  }

  @Test("The compiler makes code for the span of a pin that has a name, and crashes if it has none")
  func namelessPin() throws {
    func makesCode(_ body: String) throws -> Bool {
      try TypeChecker.check(
        "import NativeBuffers\nfunc test(_ buffer: NativeBuffer) throws -> Int {\n\(body)\n}", makesCode: true
      ).succeeded
    }
    #expect(try makesCode("let pin = try buffer.pin(); return pin.bytes.byteCount"))
    #expect(try !makesCode("try buffer.pin().bytes.byteCount"))
  }

  @Test("After an explicit end of the owner, no span of it can be used, mutable or not")
  func explicitEnd() throws {
    try check("var b = try UniqueBuffer(byteCount: 8); var s = b.mutableSpan; b.dispose(); s[0] = 1", builds: false)
    try check(
      "var s = MutableSpan<UInt8>(); var b = try UniqueBuffer(byteCount: 8); s = b.mutableSpan; b.dispose(); s[0] = 1",
      builds: false)
    try check("let b = try UniqueBuffer(byteCount: 8); let s = b.span; b.dispose(); print(s[0])", builds: false)
  }

  @Test("A closure may exchange the span that it has as an inout parameter, and the library notices that when it ends")
  func exchanging() throws {
    try check(
      """
      var kept = MutableRawSpan()
      try NativeBuffer(byteCount: 8).withMutableBytes { bytes in kept = bytes; bytes = MutableRawSpan() }
      kept.storeBytes(of: 1, as: UInt8.self)
      """, builds: true)
  }
}
