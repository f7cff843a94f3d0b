// SPDX-License-Identifier: Apache-2.0

import CPeerSupport
import Foundation
import NIOCore

/// Buffers that Swift programs use today: `swift-peer SUBJECT SAMPLES MILLISECONDS SIZE...`.
@main
struct SwiftPeer {
  static func main() {
    let subject = CommandLine.argc > 1 ? CommandLine.arguments[1] : ""
    // The shared part gets the command line without the program's name: it begins with the subject.
    let count = CommandLine.argc - 1
    let arguments = unsafe CommandLine.unsafeArgv + 1
    switch subject {
    case "array": exit(unsafe peer_main(count, arguments, array))
    case "data": exit(unsafe peer_main(count, arguments, data))
    case "managed-buffer": exit(unsafe peer_main(count, arguments, managedBuffer))
    case "nio": exit(unsafe peer_main(count, arguments, byteBuffer))
    default:
      print("usage: swift-peer array|data|managed-buffer|nio SAMPLES MILLISECONDS SIZE...")
      exit(64)
    }
  }
}

private func use(_ start: UnsafeMutableRawPointer?, _ byteCount: Int, _ isTouched: Bool) {
  if isTouched { unsafe peer_touch_pages(start, byteCount) } else { unsafe peer_sink(start) }
}

/// The array's elements stay uninitialised.
private func array(_ byteCount: Int, _ isTouched: Bool, _ times: Int) {
  for _ in 0..<times {
    var array = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { _, count in count = byteCount }
    unsafe array.withUnsafeMutableBytes { unsafe use($0.baseAddress, byteCount, isTouched) }
  }
}

/// `Data(count:)` fills the memory with zeros; there is no public way to avoid that.
private func data(_ byteCount: Int, _ isTouched: Bool, _ times: Int) {
  for _ in 0..<times {
    var data = Data(count: byteCount)
    unsafe data.withUnsafeMutableBytes { unsafe use($0.baseAddress, byteCount, isTouched) }
  }
}

private final class Frame: ManagedBuffer<Int, UInt8> {}

private func managedBuffer(_ byteCount: Int, _ isTouched: Bool, _ times: Int) {
  for _ in 0..<times {
    let buffer = Frame.create(minimumCapacity: byteCount) { _ in byteCount }
    keepAlive(buffer)
    unsafe buffer.withUnsafeMutablePointerToElements { unsafe use($0, byteCount, isTouched) }
  }
}

private func byteBuffer(_ byteCount: Int, _ isTouched: Bool, _ times: Int) {
  let allocator = ByteBufferAllocator()
  for _ in 0..<times {
    var buffer = allocator.buffer(capacity: byteCount)
    unsafe buffer.withUnsafeMutableWritableBytes { unsafe use($0.baseAddress, byteCount, isTouched) }
  }
}

/// Lets the object escape: otherwise the optimiser may put it on the stack.
@inline(never) @_optimize(none)
private func keepAlive(_ object: AnyObject) {}
