// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// Adds up resources in the way in which findings tell of them: all buffers together, whatever arena they are in, and
/// the resources of each other domain apart.
package struct SumsByFinding {
  private var buffers = SiteSums()
  private var others: [Int: SiteSums] = [:]

  package init() {}

  /// The sums to which the resources of a domain are added.
  /// - Parameter domain: any number that no other domain has. It does not matter for buffers.
  package subscript(domain: Int, kind: DomainKind) -> SiteSums {
    get { kind.isOfBuffers ? buffers : others[domain, default: SiteSums()] }
    _modify {
      if kind.isOfBuffers { yield &buffers } else { yield &others[domain, default: SiteSums()] }
    }
  }

  /// The findings: that of the buffers first, and then those of the other domains, by number.
  /// - Parameter finding: makes a finding of a sum. The domain is nil for buffers.
  package func findings(_ finding: (_ domain: Int?, SiteSums) -> Finding?) -> [Finding] {
    ([finding(nil, buffers)] + others.sorted { $0.key < $1.key }.map { finding($0.key, $0.value) }).compactMap { $0 }
  }
}
