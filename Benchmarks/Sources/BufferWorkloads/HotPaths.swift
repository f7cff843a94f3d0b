// SPDX-License-Identifier: Apache-2.0

import CBenchmarkSupport
import NativeBuffers

/// The paths whose instructions are counted, by name.
public enum HotPaths {
  public static let names = [
    "unique-create-dispose-64B", "unique-create-dispose-64KiB", "unique-create-dispose-1MiB",
    "unique-create-dispose-33177600B", "unique-create-rescue-64B", "native-create-dispose-64B",
    "native-create-dispose-64KiB", "native-create-dispose-33177600B", "unique-create-dispose-64B-shared",
    "unique-create-dispose-64B-held",
    "native-create-dispose-64B-shared", "native-create-rescue-64B", "pin-unpin",
    "pin-mutable-unpin", "with-bytes", "with-mutable-bytes",
  ]

  /// Nil for a name that is not one of `names`.
  public static func workload(named name: String) throws -> Workload? {
    switch name {
    case "unique-create-dispose-64B": return CreateAndDispose.uniqueBuffer(64, .untouched)
    case "unique-create-dispose-64KiB": return CreateAndDispose.uniqueBuffer(64 << 10, .untouched)
    case "unique-create-dispose-1MiB": return CreateAndDispose.uniqueBuffer(1 << 20, .untouched)
    case "unique-create-dispose-33177600B": return CreateAndDispose.uniqueBuffer(Size.frame, .untouched)
    case "unique-create-dispose-64B-shared": return CreateAndDispose.uniqueBufferOfNamedArena(64)
    case "unique-create-dispose-64B-held": return CreateAndDispose.uniqueBufferOfHeldArena(64)
    case "native-create-dispose-64B-shared": return CreateAndDispose.nativeBufferOfNamedArena(64)
    case "unique-create-rescue-64B": return CreateAndDispose.rescuedUniqueBuffer(64)
    case "native-create-dispose-64B": return CreateAndDispose.nativeBuffer(64, .untouched)
    case "native-create-dispose-64KiB": return CreateAndDispose.nativeBuffer(64 << 10, .untouched)
    case "native-create-dispose-33177600B": return CreateAndDispose.nativeBuffer(Size.frame, .untouched)
    case "native-create-rescue-64B": return CreateAndDispose.rescuedNativeBuffer(64)
    case "pin-unpin": return Access.pin(try NativeBuffer(byteCount: 4096))
    case "pin-mutable-unpin": return Access.pinMutable(try NativeBuffer(byteCount: 4096))
    case "with-bytes": return Access.withBytes(try NativeBuffer(byteCount: 4096))
    case "with-mutable-bytes": return Access.withMutableBytes(try NativeBuffer(byteCount: 4096))
    default: return nil
    }
  }
}
