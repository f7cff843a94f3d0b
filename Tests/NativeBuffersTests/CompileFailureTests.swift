// SPDX-License-Identifier: Apache-2.0

import Testing
import TestSupport

@Suite("What the compiler refuses", .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
struct CompileFailureTests {
  private func diagnostics(_ body: String) throws -> String {
    let outcome = try TypeChecker.check("import NativeBuffers\nfunc test() throws {\n\(body)\n}\n")
    #expect(!outcome.succeeded, "this must not build:\n\(body)")
    return outcome.diagnostics
  }

  @Test("Correct use builds")
  func correct() throws {
    let outcome = try TypeChecker.check(
      """
      import NativeBuffers
      func test() throws {
        var buffer = try UniqueBuffer(byteCount: 10)
        var bytes = buffer.mutableBytes
        bytes.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)
        print(buffer.bytes.byteCount)
        buffer.dispose()
        let shared = try NativeBuffer(byteCount: 10)
        let pin = try shared.pin()
        print(pin.bytes.byteCount)
      }
      """)
    #expect(outcome.succeeded, "\(outcome.diagnostics)")
  }

  @Test("Use of a unique buffer after dispose does not build")
  func useAfterDispose() throws {
    let text = try diagnostics("let b = try UniqueBuffer(byteCount: 1)\nb.dispose()\nprint(b.byteCount)")
    #expect(text.contains("'b' used after consume"))
  }

  @Test("A second dispose of a unique buffer does not build")
  func doubleDispose() throws {
    let text = try diagnostics("let b = try UniqueBuffer(byteCount: 1)\nb.dispose()\nb.dispose()")
    #expect(text.contains("'b' consumed more than once"))
  }

  @Test("A span of a unique buffer cannot be used after dispose")
  func spanAfterDispose() throws {
    _ = try diagnostics("let b = try UniqueBuffer(byteCount: 1)\nlet s = b.bytes\nb.dispose()\nprint(s.byteCount)")
  }

  @Test("A span of a buffer in a list cannot be used after a change of the list, and the list keeps its buffers")
  func list() throws {
    let list = "var l = UniqueBufferArray()\nl.append(try UniqueBuffer(byteCount: 1))\n"
    let span = try diagnostics(list + "let s = l[0].span\nl.append(try UniqueBuffer(byteCount: 1))\nprint(s[0])")
    #expect(span.contains("overlapping accesses to 'l'"))
    let taken = try diagnostics(list + "let b = l[0]\nb.dispose()")
    #expect(taken.contains("is borrowed and cannot be consumed"))
  }

  @Test("A span of a pin cannot be used after the end of the pin")
  func spanEscapesPin() throws {
    _ = try diagnostics(
      "let b = try NativeBuffer(byteCount: 1)\nvar s = RawSpan()\ndo { let p = try b.pin(); s = p.bytes }\n"
        + "print(s.byteCount)")
  }

  @Test("Bytes of a shared pin cannot be changed")
  func readOnlyPin() throws {
    _ = try diagnostics(
      "let p = try NativeBuffer(byteCount: 1).pin()\np.bytes.storeBytes(of: 1, toByteOffset: 0, as: UInt8.self)")
  }
}
