// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Makes this module's statics, and the ledger's, while the process has one thread; ForkGuard says why.
/// CNativeRuntime.c calls it before `main`.
@_cdecl("finalization_make_statics")
func makeStaticsBeforeMain() {
  Ledger.makeStatics()
  ForkGuard.touch(AnchorLocks.shared)
  ForkGuard.touch(WatchTable.shared)
  ThreadStorage.makeStatics()
  ThreadSlots.makeStatics()
  ForkGuard.onChild { ThreadSlots.keepOnly(ThreadStorage.slotIfMade) }
  RegistrationPins.makeStatics()
  CacheLoads.makeStatics()
  ExitOrder.makeStatics()
  ExitRuns.makeStatics()
  LoadChain.makeStatics()
  FileDescriptorDomain.makeStatics()
  ResourceEntry.makeStatics()
  RegistryNumber.makeStatics()
  OverdueDeliveries.makeStatics()
  ForkGuard.touch(RegistryCore.queueKey)
}
