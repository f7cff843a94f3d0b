// SPDX-License-Identifier: Apache-2.0

import NativeBuffers
import TestSupport
import Testing

@testable import Bitmaps

@Suite("Bitmaps while their arena is destroyed")
struct ArenaEndTests {
  @Test("A disposed bitmap allocates nothing from the arena that now has its ledger entry")
  func reusedEntry() throws {
    let first = try Arena(name: "first")
    var bitmaps = try (0..<64).map { _ in try Bitmap(width: 5, height: 5, format: .rgba8, arena: first) }
    for bitmap in bitmaps { bitmap.dispose() }
    try first.destroy()
    let second = try Arena(name: "second")
    let owners = try (0..<64).map { _ in try NativeBuffer(byteCount: 320, arena: second) }
    for i in bitmaps.indices {
      #expect(bitmaps[i].pixels.arena == nil)
      #expect(try bitmapError { try bitmaps[i].composite(with: bitmaps[i]) }.code == .pixelsUnavailable)
    }
    for owner in owners { owner.dispose() }
    try second.destroy()
  }

  /// This test tells most under AddressSanitizer, see .ci/address-sanitizer.
  @Test("Bitmaps can be disposed, and their arenas destroyed, while other threads change and copy them")
  func destroyed() throws {
    let slots = SharedSlots<Guarded<Bitmap>>(count: 4)
    let isDone = Guarded(false)
    onThreads(3) { number in
      do {
        if number == 0 {
          defer { isDone.withLock { $0 = true } }
          for round in 0..<400 {
            let arena = try Arena(name: "passing")
            let bitmap = try Bitmap(width: 40, height: 9, format: .rgba8, arena: arena)
            _ = slots.exchange(round % 4, Guarded(bitmap))
            bitmap.dispose()
            // This is refused while another thread's copy, or its scratch memory, is in the arena.
            while (try? arena.destroy()) == nil {}
          }
        } else {
          while !isDone.withLock({ $0 }) {
            for slot in 0..<4 {
              guard let shared = slots.peek(slot) else { continue }
              var bitmap = shared.withLock { $0 }
              do throws(BitmapError) {
                try bitmap.composite(with: bitmap, opacity: 0.5)
                bitmap.dispose()
              } catch {
                precondition([.pixelsUnavailable, .outOfMemory].contains(error.code), "\(error)")
              }
              if let copy = try? shared.withLock({ $0 }).copied() { copy.dispose() }
            }
          }
        }
      } catch { preconditionFailure("\(error)") }
    }
  }
}
