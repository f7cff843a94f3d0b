// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What is special about a life. Most lives have no flag: a block without flags is released on the fast path, because
/// its classification is then exactly that of its thread's cache.
package struct EntryFlags: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The life is charged to a budget.
  package static var charged: EntryFlags { EntryFlags(rawValue: 1 << 0) }
  /// A pattern or an inaccessible page is checked when the life ends.
  package static var guarded: EntryFlags { EntryFlags(rawValue: 1 << 1) }
  /// Another process has borrowed the memory.
  package static var lent: EntryFlags { EntryFlags(rawValue: 1 << 2) }

  /// In a forked child: another thread of the parent changed the entry during the fork, so the child does not know
  /// whether it owns the block. See ``Ledger/settleInChild()``.
  package static var isInDoubt: EntryFlags { EntryFlags(rawValue: 1 << 5) }

  var bits: UInt32 { UInt32(rawValue) << 24 }
}

extension LedgerEntry {
  package var flags: EntryFlags { classification.flags }

  /// Sets flags of a life. The caller holds a pin of the life, so that the life does not end meanwhile, or it owns the
  /// entry and is about to begin a life.
  package func insert(_ flags: EntryFlags) {
    unsafe record.pointee.classification.bitwiseOr(flags.bits, ordering: .relaxed)
  }

  /// Clears flags of a life. The caller holds a pin of the life.
  package func remove(_ flags: EntryFlags) {
    unsafe record.pointee.classification.bitwiseAnd(~flags.bits, ordering: .relaxed)
  }

  /// Clears all flags. The caller owns the entry: the release of the life was claimed, or the life has ended.
  /// Cost: a load if there are no flags.
  package func clearFlags() {
    let classification = classification
    if !classification.flags.isEmpty {
      self.classification = Classification(domain: classification.domain, bucket: classification.bucket)
    }
  }
}
