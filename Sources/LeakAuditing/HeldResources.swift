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
    var sums = SumsByFinding()
    ledger.forEachResource { _, entry in
      let word = entry.word
      guard word.state == .live, !word.isDetached, !word.isHeldByCache, !entry.scope.isOfProcessLifetime,
        includes(entry.scope)
      else { return }
      sums[Int(entry.domain.rawValue), ledger.domainKind(entry.domain)].add(entry, capacity: entry.capacity)
    }
    findings = sums.findings { domain, sums in
      sums.finding(.held, domain: domain.map { DomainNumber(rawValue: UInt16($0)) }, in: ledger)
    }
  }
}
