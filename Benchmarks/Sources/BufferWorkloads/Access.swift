// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport
import NativeBuffers

/// Accesses the bytes of one live buffer, again and again.
public enum Access {
  public static func withBytes(_ buffer: NativeBuffer) -> Workload {
    Workload("NativeBuffer.withBytes", memory: .arena) { times in
      var total = 0
      for _ in 0..<times { total &+= try buffer.withBytes { $0.byteCount } }
      sink(total)
    }
  }

  public static func withMutableBytes(_ buffer: NativeBuffer) -> Workload {
    Workload("NativeBuffer.withMutableBytes", memory: .arena) { times in
      var total = 0
      for _ in 0..<times { total &+= try buffer.withMutableBytes { $0.byteCount } }
      sink(total)
    }
  }

  public static func pin(_ buffer: NativeBuffer) -> Workload {
    Workload("NativeBuffer.pin + unpin", memory: .arena) { times in
      var total = 0
      for _ in 0..<times {
        let pin = try buffer.pin()
        total &+= pin.byteCount
      }
      sink(total)
    }
  }

  public static func pinMutable(_ buffer: NativeBuffer) -> Workload {
    Workload("NativeBuffer.pinMutable + unpin", memory: .arena) { times in
      var total = 0
      for _ in 0..<times {
        let pin = try buffer.pinMutable()
        total &+= pin.byteCount
      }
      sink(total)
    }
  }

  public static func uniqueMutableBytes(_ byteCount: Int) -> Workload {
    Workload("UniqueBuffer.mutableBytes", memory: .arena) { times in
      var buffer = try UniqueBuffer(uninitializedByteCount: byteCount)
      for _ in 0..<times {
        let bytes = buffer.mutableBytes
        sink(bytes.byteCount)
      }
      buffer.dispose()
    }
  }

  private static func sink(_ value: Int) { unsafe bench_sink(UnsafeRawPointer(bitPattern: value)) }
}
