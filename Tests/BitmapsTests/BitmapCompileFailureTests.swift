import TestSupport
import Testing

@Suite("What the compiler refuses of bitmaps", .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
struct BitmapCompileFailureTests {
  /// That the compiler refuses this, for the reason that is meant.
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
            var row = rows.row(y)
            for x in row.indices { row[x].alpha = 255 }
          }
        }
        try bitmap.withMutableRowBands(as: RGBA8.self) { band in band[0, band.rows.lowerBound].red = 1 }
        let red = try bitmap.withPixels(as: RGBA8.self) { rows in rows[0, 0].red }
        print(red)
      }
      """)
    #expect(outcome.succeeded, "\(outcome.diagnostics)")
  }

  @Test("Rows cannot leave the access that lent them")
  func escapingRows() throws {
    try refuses(
      "var kept = Span<RGBA8>()\ntry bitmap.withPixels(as: RGBA8.self) { rows in kept = rows[0] }\nprint(kept.count)",
      "'kept' escapes its scope")
  }

  @Test("A band cannot be kept, nor taken to another thread")
  func escapingBands() throws {
    try refuses(
      "try bitmap.withMutableRowBands(as: RGBA8.self) { band in let copy = band; band[0, 0].red = 1; print(copy.width) }",
      "'band' used after consume")
    try refuses(
      "try bitmap.withMutableRowBands(as: RGBA8.self) { band in Task { band[0, 0].red = 1 } }",
      "escaping closure captures 'inout' parameter 'band'")
  }

  @Test("Of a band, one row is changed at a time")
  func overlappingRows() throws {
    try refuses(
      """
      try bitmap.withMutablePixels(as: RGBA8.self) { rows in
        var first = rows.row(0)
        var second = rows.row(0)
        first[0].red = 1
        second[0].red = 2
      }
      """, "overlapping accesses to 'rows'")
  }

  @Test("Bodies of bands do not share variables that they change")
  func sharedVariables() throws {
    try refuses(
      "var count = 0\ntry bitmap.withMutableRowBands(as: RGBA8.self) { band in count += band.rows.count }\nprint(count)",
      "mutation of captured var 'count' in concurrently-executing code")
  }

  @Test("The bitmap cannot be changed while it is being changed")
  func nested() throws {
    try refuses(
      "try bitmap.withMutablePixels(as: RGBA8.self) { _ in try bitmap.withMutableRow(0) { _ in } }",
      "overlapping accesses to 'bitmap'")
  }

  @Test("A bitmap that is a constant cannot be changed")
  func constant() throws {
    try refuses("let copy = bitmap\ntry copy.withMutableRow(0) { _ in }", "'copy' is a 'let' constant")
  }

  @Test("The memory behind is not to be had around the copy on write")
  func memory() throws {
    try refuses("print(bitmap.pixels)", "'pixels' is inaccessible")
  }
}
