// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import TestSupport

/// C code that the tests compile and load when they run. So the package also builds on a machine without the libraries
/// that this code needs, and the tests say which libraries are missing.
// SAFETY: a library that is never unloaded.
@safe final class Glue: @unchecked Sendable {
  private let library: UnsafeMutableRawPointer

  private init(_ library: UnsafeMutableRawPointer) { unsafe self.library = library }

  /// A function of the library, as a C function of the given type.
  func function<F>(_ name: String, as type: F.Type) -> F {
    guard let symbol = unsafe dlsym(library, name) else { fatalError("the glue has no \(name)") }
    // SAFETY: the caller gives the type that the C source declares.
    return unsafe unsafeBitCast(symbol, to: type)
  }

  /// nil if the machine lacks wabt (wasm2c), or a clang that compiles for wasm32.
  static let wasm = load(
    "wasm",
    """
    clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -o heap.wasm "$GLUE/heap.c" &&
    wasm2c -n heap heap.wasm -o heap_wasm.c &&
    clang -shared -fPIC -O1 -w -I. -I/usr/src/wasm2c -o glue.so "$GLUE/wasm.c" heap_wasm.c \
      /usr/src/wasm2c/wasm-rt-impl.c -lm
    """)

  /// nil if the machine lacks libegl-dev or libgles-dev.
  static let gles = load("gles", "clang -shared -fPIC -o glue.so \"$GLUE/gles.c\" -lEGL -lGLESv2")

  /// nil if the machine lacks libjpeg-dev.
  static let jpeg = load("jpeg", "clang -shared -fPIC -o glue.so \"$GLUE/jpeg.c\" -ljpeg")

  private static func load(_ name: String, _ script: String) -> Glue? {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("finalization-glue-\(name)-\(getpid())")
    defer { try? FileManager.default.removeItem(at: folder) }
    guard (try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)) != nil else {
      return nil
    }
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Glue")
    let words = ["-c", "cd \"$0\" && export GLUE=\"$1\" && \(script)", folder.path, sources.path]
    guard (try? Command.run("/bin/sh", words))?.exitCode == 0 else { return nil }
    return unsafe dlopen(folder.appendingPathComponent("glue.so").path, RTLD_NOW).map { unsafe Glue($0) }
  }
}
