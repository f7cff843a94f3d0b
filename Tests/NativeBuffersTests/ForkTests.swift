import Glibc
import JemallocArenas
import ResourceLedger
import Synchronization
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("After fork")
struct ForkTests {
  @Test(
    "A child forked while other threads hold the locks has books and locks of its own",
    .enabled(if: !ThreadSanitizer.isOn, "Swift's runtime does not survive it under ThreadSanitizer"))
  func fork() throws {
    let arena = try Arena(name: "fork", configuration: .init(idleByteLimit: 0))
    let kept = try NativeBuffer(byteCount: 1_000, arena: arena) { $0.append(UInt8(5)) }
    let isDone = Flag()
    let statuses = Guarded<[Int32]>([])
    onThreads(2) { thread in
      if thread == 0 {
        // Every one of these takes the arena's lock: idle blocks are not kept.
        while !isDone.value.load(ordering: .relaxed) {
          _ = try? NativeBuffer(byteCount: 20_000, arena: arena).dispose()
        }
        return
      }
      for _ in 0..<50 {
        let child = Forking.fork()
        if child == 0 { Self.runChild(arena, kept) }
        var status: Int32 = -1
        unsafe waitpid(child, &status, 0)
        statuses.withLock { $0.append(status) }
      }
      isDone.value.store(true, ordering: .relaxed)
    }
    #expect(statuses.withLock { $0 } == Array(repeating: 0, count: 50))
    #expect(kept.dispose())
    try arena.destroy()
  }

  private final class Flag: Sendable { let value = Atomic(false) }

  private static func runChild(_ arena: Arena, _ kept: NativeBuffer) -> Never {
    alarm(20)
    guard let own = try? NativeBuffer(byteCount: 50_000, arena: arena), own.dispose(),
      (try? kept.withBytes { unsafe $0.unsafeLoad(fromByteOffset: 0, as: UInt8.self) }) == 5, kept.dispose()
    else { _exit(1) }
    _exit(0)
  }
}

enum Forking {
  /// Swift hides `fork`; the child calls nothing but this library and `_exit`.
  static func fork() -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = unsafe dlsym(nil, "fork") else { return -1 }
    return unsafe unsafeBitCast(symbol, to: Fork.self)()
  }
}
