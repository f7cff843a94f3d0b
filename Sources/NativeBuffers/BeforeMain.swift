// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import ResourceLedger

/// Makes this module's statics, and those of the modules below, while there is only one thread; ``ForkGuard/touch(_:)``
/// says why. CNativeRuntime.c calls it before `main`.
@_cdecl("nativebuffers_make_statics")
func makeStaticsBeforeMain() {
  Ledger.makeStatics()
  Arena.makeStatics()
  ArenaStatistics.makeStatics()
  ArenaDirectory.makeStatics()
  MallocCapture.makeStatics()
  ProcessMalloc.makeStatics()
  AdoptedMemory.makeStatics()
  BytesTakenOver.makeStatics()
  Maintenance.makeStatics()
  Maintenance.prepareForFork()
  LastAnswer.makeStatics()
  LastAnswer.countAtExit()
  MappingRoom.makeStatics()
  ThreadCaches.makeStatics()
  Quarantine.makeStatics()
  ForkGuard.touch(ThreadCache.largestBatch)
}
