// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

extension LedgerSnapshot {
  /// The snapshot with texts that can be shown on a terminal. A reader makes them so when it reads a ledger; a snapshot
  /// from a file may have been changed since.
  package var withShownTexts: LedgerSnapshot {
    var result = self
    for index in sites.indices {
      result.sites[index].site.file = sites[index].site.file.shownOnTerminals
      result.sites[index].site.function = sites[index].site.function.shownOnTerminals
    }
    for index in domains.indices { result.domains[index].name = domains[index].name.shownOnTerminals }
    for index in scopes.indices { result.scopes[index].name = scopes[index].name.shownOnTerminals }
    for index in damage.indices { result.damage[index].what = damage[index].what.shownOnTerminals }
    if let process {
      result.process?.command = process.command.shownOnTerminals
      result.process?.host = process.host.shownOnTerminals
      result.process?.bootID = process.bootID?.shownOnTerminals
    }
    if let answer { result.answer?.malloc = answer.malloc.shownOnTerminals }
    return result
  }
}
