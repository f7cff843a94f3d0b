// SPDX-License-Identifier: Apache-2.0

#if FoundationBridge || NIOBridge
  import LeakAuditing
  import NativeBuffers

  /// Bytes whose values tell their place: the one at `n` is `n`, modulo 251.
  enum Numbered {
    static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8($0 % 251) } }

    static func buffer(
      _ byteCount: Int, file: StaticString = #fileID, line: UInt = #line
    ) throws -> NativeBuffer {
      try NativeBuffer(copying: bytes(byteCount), file: file, line: line)
    }
  }

  /// The bytes that are live of this line of a test.
  func live(line: UInt, file: String = #fileID) -> Int {
    LeakAuditor.usage().sites().first { $0.file == file && $0.line == Int(line) }?.byteCount ?? 0
  }
#endif
