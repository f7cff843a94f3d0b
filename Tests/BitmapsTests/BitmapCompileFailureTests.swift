// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("Uses of bitmaps that the compiler refuses", .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
struct BitmapCompileFailureTests {
  /// Expects that the compiler refuses this, for the reason that is meant.
  private func refuses(_ body: String, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let outcome = try TypeChecker.check("import Bitmaps\nfunc test(_ bitmap: inout Bitmap) throws {\n\(body)\n}\n")
    #expect(!outcome.succeeded, "this must not build:\n\(body)", sourceLocation: sourceLocation)
    #expect(outcome.diagnostics.contains(reason), "\(outcome.diagnostics)", sourceLocation: sourceLocation)
  }

  @Test("Correct use builds")
  func correct() throws {
    let outcome = try TypeChecker.check(
      """
      import Bitmaps
      func test(_ bitmap: inout Bitmap) throws {
        try bitmap.withMutablePixels(as: RGBA8.self) { rows in
          for y in rows.rows {
            for x in 0..<rows.width { rows[x, y].alpha = 255 }
          }
        }
        try bitmap.withMutableRowBands(as: RGBA8.self) { band in band[0, band.rows.lowerBound].red = 1 }
        let red = try bitmap.withPixels(as: RGBA8.self) { rows in rows[0, 0].red }
        print(red)
      }
      """)
    #expect(outcome.succeeded, "\(outcome.diagnostics)")
  }

  @Test("Rows cannot be used outside of the access that gave them")
  func escapingRows() throws {
    try refuses(
      "var kept = Span<RGBA8>()\ntry bitmap.withPixels(as: RGBA8.self) { rows in kept = rows[0] }\nprint(kept.count)",
      "'kept' escapes its scope")
  }

  @Test("A band cannot be kept, and cannot be passed to another thread")
  func escapingBands() throws {
    try refuses(
      "try bitmap.withMutableRowBands(as: RGBA8.self) "
        + "{ band in let copy = band; band[0, 0].red = 1; print(copy.width) }",
      "'band' used after consume")
    try refuses(
      "try bitmap.withMutableRowBands(as: RGBA8.self) { band in Task { band[0, 0].red = 1 } }",
      "escaping closure captures 'inout' parameter 'band'")
  }

  @Test("Mutable rows have no span that a closure could keep")
  func mutableSpan() throws {
    try refuses(
      "try bitmap.withMutablePixels(as: RGBA8.self) { rows in var row = rows.row(0); row[0].red = 1 }",
      "has no member 'row'")
    try refuses(
      "try bitmap.withMutablePixels(as: RGBA8.self) { rows in rows[0][0] = RGBA8(red: 0, green: 0, blue: 0) }",
      "subscript is get-only")
  }

  @Test("Rows of a pin cannot be used after the pin has ended, whatever ends the scope")
  func pinnedRows() throws {
    for end in ["", "throw CancellationError()"] {
      try refuses(
        """
        var kept = Span<UInt8>()
        do {
          let pin = try bitmap.pin()
          kept = pin.rows[0]
          \(end)
        } catch {}
        print(kept.count)
        """, "'kept' escapes its scope")
      try refuses(
        """
        var kept = Span<RGBA8>()
        do {
          let pin = try bitmap.pin()
          kept = try pin.pixels(as: RGBA8.self)[0]
          \(end)
        } catch {}
        print(kept.count)
        """, "'kept' escapes its scope")
    }
  }

  @Test("A type of pixels must promise that all bits are valid, and the promise takes unsafe code")
  func promises() throws {
    let head =
      "import Bitmaps\nstruct Level: BitmapPixel { var x: UInt8; static var formats: Set<PixelFormat> { [.gray8] }\n"
    for (promise, reason) in [
      ("", "does not conform to protocol 'NativeElement'"),
      ("static var bitPatterns: AnyBitPattern<Level> { AnyBitPattern(unsafePromisedFor: Level.self) }", "'unsafe'"),
      ("static var bitPatterns: AnyBitPattern<Level> { AnyBitPattern() }", "missing argument"),
      (
        "static var bitPatterns: AnyBitPattern<Level> { AnyBitPattern(knownFor: Level.self) }",
        "incorrect argument label"
      ),
      ("static var bitPatterns: AnyBitPattern<Gray8> { Gray8.bitPatterns }", "does not conform"),
    ] {
      let outcome = try TypeChecker.check("\(head)\(promise) }", isStrict: true)
      #expect(!outcome.succeeded && outcome.diagnostics.contains(reason), "\(promise)\n\(outcome.diagnostics)")
    }
    let outcome = try TypeChecker.check(
      "\(head)static var bitPatterns: AnyBitPattern<Level> { unsafe AnyBitPattern(unsafePromisedFor: Level.self) } }\n"
        + "func test(_ bitmap: Bitmap) throws { print(try bitmap.withPixels(as: Level.self) { $0[0, 0].x }) }",
      isStrict: true)
    #expect(outcome.succeeded, "\(outcome.diagnostics)")
  }

  @Test("Closures for bands cannot share a variable that they change")
  func sharedVariables() throws {
    try refuses(
      "var count = 0\ntry bitmap.withMutableRowBands(as: RGBA8.self) { band in count += band.rows.count }\n"
        + "print(count)",
      "mutation of captured var 'count' in concurrently-executing code")
  }

  @Test("A bitmap cannot be changed while it is already being changed")
  func nested() throws {
    try refuses(
      "try bitmap.withMutablePixels(as: RGBA8.self) { _ in try bitmap.withMutableRow(0) { _ in } }",
      "overlapping accesses to 'bitmap'")
  }

  @Test("A constant bitmap cannot be changed")
  func constant() throws {
    try refuses("let copy = bitmap\ntry copy.withMutableRow(0) { _ in }", "'copy' is a 'let' constant")
  }

  @Test("The memory of a bitmap cannot be reached without copy on write")
  func memory() throws {
    try refuses("print(bitmap.pixels)", "'pixels' is inaccessible")
  }
}
