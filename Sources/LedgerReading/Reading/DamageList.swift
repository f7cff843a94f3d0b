// SPDX-License-Identifier: Apache-2.0

/// Counts what could not be believed, by kind.
struct DamageList {
  private(set) var rows: [LedgerDamage] = []

  mutating func add(_ what: StaticString, at index: Int) {
    let what = "\(what)"
    if let row = rows.firstIndex(where: { $0.what == what }) {
      rows[row].count += 1
    } else {
      rows.append(LedgerDamage(what: what, count: 1, firstIndex: index))
    }
  }
}
