// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What a process itself says about its allocators, in bytes. A process that does not answer says nothing of this.
package struct AllocatorMemory: Codable, Equatable, Sendable {
  /// The blocks of all arenas of this library, as size classes.
  package var allocated: Int
  /// The pages of these arenas that blocks are in.
  package var active: Int
  /// The pages of these arenas that have no block and were not given back yet, whether they were touched or not.
  package var dirty: Int
  /// Those that the kernel may take away.
  package var muzzy: Int
  /// Address space of these arenas without memory behind it.
  package var retained: Int
  /// jemalloc's own structures, in the whole process.
  package var metadata: Int
  /// The name of the file that has the process's `malloc`, as "libc.so.6"; nil if it is not known.
  package var mallocName: String?
  /// Bytes that `malloc` has given out; nil if they are not known.
  package var mallocAllocated: Int?

  package init(
    allocated: Int, active: Int, dirty: Int, muzzy: Int, retained: Int, metadata: Int, mallocName: String?,
    mallocAllocated: Int?
  ) {
    self.allocated = allocated
    self.active = active
    self.dirty = dirty
    self.muzzy = muzzy
    self.retained = retained
    self.metadata = metadata
    self.mallocName = mallocName
    self.mallocAllocated = mallocAllocated
  }

  package init(_ answer: LedgerAnswer) {
    func sum(_ bytes: KeyPath<LedgerAnswer.Arena, Int>) -> Int { .clampedSum(answer.arenas.map { $0[keyPath: bytes] }) }
    self.init(
      allocated: sum(\.allocated), active: sum(\.active), dirty: sum(\.dirty), muzzy: sum(\.muzzy),
      retained: sum(\.retained), metadata: answer.metadata, mallocName: answer.malloc.isEmpty ? nil : answer.malloc,
      mallocAllocated: answer.mallocByteCount)
  }

  /// Whether `malloc` is jemalloc's, too.
  package var isJemallocsMalloc: Bool { mallocName?.contains("jemalloc") ?? false }
}
