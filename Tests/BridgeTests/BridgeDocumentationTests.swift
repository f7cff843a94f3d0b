// SPDX-License-Identifier: Apache-2.0

#if FoundationBridge && NIOBridge
  import Foundation
  import TestSupport
  import Testing

  @Suite("Documentation of the bridges")
  struct BridgeDocumentationTests {
    @Test(
      "Every example in a comment builds for a client in strict mode, with warnings as errors",
      .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
    func examples() throws {
      let modules = ["BitmapsNIO", "NativeBuffersFoundation", "NativeBuffersNIO"]
      let examples = try modules.flatMap(DocumentedCode.examples(ofModule:))
      #expect(examples.count >= 4)
      let source = DocumentedCode.source(
        of: examples, importing: ["Bitmaps", "Foundation", "NativeBuffers", "NIOCore"] + modules,
        parameters: """
          decoder: inout PictureDecoder, request: (body: AsyncStream<ByteBuffer>, Void), picture: EncodedPicture,
          channel: any Channel
          """,
        contexts: [:], isAsync: true)
      let outcome = try TypeChecker.check(source, isStrict: true)
      #expect(outcome.succeeded, "\(outcome.diagnostics)")
    }

    @Test(
      "Every block of the articles that uses a bridge builds for a client in strict mode, with warnings as errors",
      .enabled(if: TypeChecker.isAvailable, "needs swiftc on the path"))
    func blocks() throws {
      let article = TypeChecker.packageRoot
        .appendingPathComponent("Sources/NativeBuffers/NativeBuffers.docc/Bridges.md")
      let blocks = try DocumentedCode.blocks("swift", in: String(contentsOf: article, encoding: .utf8))
        .filter(DocumentedCode.isOfBridge)
      #expect(blocks.count >= 2)
      for block in blocks {
        let outcome = try TypeChecker.check(block, isStrict: true)
        #expect(outcome.succeeded, "\(block)\n\(outcome.diagnostics)")
      }
    }
  }
#endif
