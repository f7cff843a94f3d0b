// SPDX-License-Identifier: Apache-2.0

import Glibc
import ResourceLedger
import Testing

@testable import Finalization
@testable import NativeBuffers

@Suite("What programs can read from an error") struct ErrorCodeTests {
  @Test("An error's code is the kind of the refusal, the same for all numbers, and its text is the code's name")
  func codes() {
    #expect(ArenaError(.invalidByteCount(-1)).code == .invalidByteCount)
    #expect(ArenaError(.invalidByteCount(-1)) != ArenaError(.invalidByteCount(-2)))
    #expect("\(ArenaError(.outOfMemory(byteCount: 1, alignment: 64)).code)" == "outOfMemory")
    #expect(LedgerError(.full(entryCapacity: 3)).code == .full)
    #expect("\(LedgerError(.tooManyDomains(capacity: 3)).code)" == "tooManyDomains")
    #expect(FinalizationError(.recursiveLoad(cache: "a")).code == .recursiveLoad)
    #expect("\(FinalizationError(.targetIsDying).code)" == "targetIsDying")
    #expect(NativeBufferError(.invalidAlignment(3), created: .unknown).code == .invalidAlignment)
    #expect("\(NativeBufferError(.tooManyPins, created: .unknown).code)" == "tooManyPins")
  }

  @Test("A client can ask for the error of a lower layer, through every layer")
  func underlying() throws {
    let ledger = LedgerError(.full(entryCapacity: 3))
    #expect(ArenaError(.ledger(ledger)).underlyingError as? LedgerError == ledger)
    #expect(FinalizationError(.ledger(ledger)).underlyingError as? LedgerError == ledger)
    #expect(NativeBufferError(.ledger(ledger), created: .unknown).underlyingError as? LedgerError == ledger)
    let arena = ArenaError(.tooManyArenas(count: 4_095))
    #expect(NativeBufferError(.arena(arena), created: .unknown).underlyingError as? ArenaError == arena)
    #expect(ArenaError(.destroyed).underlyingError == nil)
    #expect(FinalizationError(.inUse).underlyingError == nil)
    #expect(NativeBufferError(.tooManyPins, created: .unknown).underlyingError == nil)
  }

  @Test("A client can ask for the errno of a call that failed")
  func systemErrorNumbers() {
    #expect(ArenaError(.mallctl(key: "no.such.key", errno: ENOENT)).systemErrorNumber == ENOENT)
    #expect(ArenaError(.destroyed).systemErrorNumber == nil)
    #expect(FinalizationError(.system(errno: EBADF)).systemErrorNumber == EBADF)
    #expect(FinalizationError(.inUse).systemErrorNumber == nil)
    #expect(LedgerError(.reservationFailed(byteCount: 1, errno: ENOMEM)).systemErrorNumber == ENOMEM)
    #expect(LedgerError(.growthFailed(entryCount: 1, errno: EAGAIN)).systemErrorNumber == EAGAIN)
    #expect(LedgerError(.full(entryCapacity: 1)).systemErrorNumber == nil)
  }
}
