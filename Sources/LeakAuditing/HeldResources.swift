// SPDX-License-Identifier: Apache-2.0

import LedgerReading
import ResourceLedger

/// Resources that a scope or a program left live, and that are not kept on purpose.
struct HeldResources {
  /// All buffers are one finding; the resources of each other domain are one finding of that domain. Buffers first.
  let findings: [Finding]

  /// Reads every entry once.
  ///
  /// What a cache holds, what is meant to live as long as the process, and memory that was given away is left out.
  /// - Parameter includes: whether resources that were created in a scope are asked for.
  init(in ledger: Ledger, where includes: (CreationScope) -> Bool) {
    var buffers = SiteSums()
    var others: [DomainNumber: SiteSums] = [:]
    ledger.forEachResource { _, entry in
      let word = entry.word
      guard word.state == .live, !word.isDetached, !word.isHeldByCache, !entry.scope.isOfProcessLifetime,
        includes(entry.scope)
      else { return }
      let kind = ledger.domainKind(entry.domain)
      if kind == .arena || kind == .adoptedMemory {
        buffers.add(entry, capacity: entry.capacity)
      } else {
        others[entry.domain, default: SiteSums()].add(entry)
      }
    }
    findings =
      ([buffers.finding(.held, in: ledger)]
      + others.sorted { $0.key.rawValue < $1.key.rawValue }.map { $1.finding(.held, domain: $0, in: ledger) })
      .compactMap { $0 }
  }
}
