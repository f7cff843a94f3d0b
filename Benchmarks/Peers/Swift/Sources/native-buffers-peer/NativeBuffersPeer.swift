// SPDX-License-Identifier: Apache-2.0

import CPeerSupport
import Glibc
import NativeBuffers

/// This library: `native-buffers-peer SUBJECT SAMPLES MILLISECONDS SIZE...`.
@main
struct NativeBuffersPeer {
  static func main() {
    let subject = CommandLine.argc > 1 ? CommandLine.arguments[1] : ""
    let count = CommandLine.argc - 1
    let arguments = unsafe CommandLine.unsafeArgv + 1
    switch subject {
    case "unique": exit(unsafe peer_main(count, arguments, unique))
    case "native": exit(unsafe peer_main(count, arguments, native))
    default:
      print("usage: native-buffers-peer unique|native SAMPLES MILLISECONDS SIZE...")
      exit(64)
    }
  }
}

private func unique(_ byteCount: Int, _ isTouched: Bool, _ times: Int) {
  do {
    if isTouched {
      for _ in 0..<times {
        var buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
        unsafe buffer.withUnsafeMutableBytes { unsafe peer_touch_pages($0.baseAddress, $0.count) }
        buffer.dispose()
      }
    } else {
      for _ in 0..<times {
        let buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
        unsafe buffer.withUnsafeBytes { unsafe peer_sink($0.baseAddress) }
        buffer.dispose()
      }
    }
  } catch { fatalError("native-buffers-peer: \(error)") }
}

private func native(_ byteCount: Int, _ isTouched: Bool, _ times: Int) {
  do {
    if isTouched {
      for _ in 0..<times {
        let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
        keepAlive(buffer)
        unsafe try buffer.withUnsafeMutableBytes { unsafe peer_touch_pages($0.baseAddress, $0.count) }
        buffer.dispose()
      }
    } else {
      for _ in 0..<times {
        let buffer = try NativeBuffer(uninitializedByteCount: byteCount)
        keepAlive(buffer)
        buffer.dispose()
      }
    }
  } catch { fatalError("native-buffers-peer: \(error)") }
}

/// Lets the object escape, as it does in a program that stores it.
@inline(never) @_optimize(none)
private func keepAlive(_ object: AnyObject) {}
