// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization

extension Ledger {
  /// Makes the statics of this module and of NativeSynchronization. Must be called before `main`: see ``ForkGuard``.
  package static func makeStatics() {
    ForkGuard.makeStatics()
    ForkGuard.touch(lazyShared)
    ForkGuard.touch(Site.unknown)
    ResourceDomains.makeStatics()
    LedgerFile.makeStatics()
    ScopeTracking.makeStatics()
    markEndAtExit()
  }
}
