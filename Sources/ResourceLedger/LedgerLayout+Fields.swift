// SPDX-License-Identifier: Apache-2.0

/// Where the fields of the header and of the tables' records are, in bytes from the begin of the header or record.
/// Ledger-Layout.md has the meaning of each.
extension LedgerLayout {
  // MARK: Header

  package static let versionOffset = 8
  package static let stateOffset = 12
  package static let regionSizeOffset = 16
  package static let pageSizeOffset = 24
  package static let rowCountOfDirectoryOffset = 28
  /// The fields from here to `identityEnd` are those of `cnativeruntime_identity`.
  package static let identityOffset = 32
  package static let identityEnd = 176
  package static let clockSequenceOffset = 192
  package static let secondOffset = 196
  package static let longestGapOffset = 200
  package static let clockFlagsOffset = 204
  package static let monotonicAtRefreshOffset = 208
  package static let realTimeAtRefreshOffset = 216
  package static let unrecordedOffset = 256
  package static let answerNumberOffset = 264

  /// The values of `state`.
  package enum State: UInt32, Sendable {
    case beingMade = 0
    case inUse = 1
    case ended = 2
    /// The process began another program by `exec`.
    case replaced = 3
  }

  // MARK: Directory

  package static let directoryOffset = 1_024
  package static let directoryRowSize = 32
  package static let directoryCapacity = 32
  package static let rowKindOffset = 0
  package static let rowRecordSizeOffset = 4
  package static let rowTableOffset = 8
  package static let rowCapacityOffset = 16
  package static let rowCountOffset = 24

  // MARK: Records

  /// A record of the table of sites.
  package enum SiteField {
    package static let fileOffset = 0
    package static let fileLength = 4
    package static let functionOffset = 8
    package static let functionLength = 12
    package static let line = 16
    package static let kind = 20
    package static let rescuedCount = 24
    package static let rescuedBytes = 32
    package static let firstUse = 40
    package static let lastUse = 44
  }

  /// A record of the table of domains.
  package enum DomainField {
    package static let kindAndTurn = 0
    package static let name = 8
    package static let nameLength = 56
    package static let censusSequence = 64
    package static let censusSecond = 68
    package static let censusCount = 72
    package static let censusBytes = 80
    package static let arenaIndex = 88
    package static let endedLives = 96
    package static let rescuedCount = 104
    package static let allocatedBlocks = 112
  }

  /// A record of the table of answers.
  package enum AnswerField {
    package static let number = 0
    package static let monotonic = 8
    package static let arenaCount = 16
    package static let classCount = 20
    package static let flags = 24
    package static let second = 28
    package static let mallocName = 32
    package static let mallocBytes = 64
    package static let metadata = 72
    package static let residentSet = 80
  }

  /// A record of the table of an answer's size classes.
  package enum AnswerClassField {
    package static let allocatorCount = 8
    package static let liveCount = 16
    package static let idleCount = 24
    package static let quarantinedCount = 32
    package static let detachedCount = 40
    package static let liveByteCount = 48
  }

  /// A record of the history.
  package enum HistoryField {
    package static let second = 0
    package static let pressure = 4
    package static let liveCount = 8
    package static let liveBytes = 16
    package static let idleBytes = 24
    package static let residentSet = 32
    package static let disposed = 40
    package static let rescued = 48
    package static let budget = 56
  }

  /// A record of the peaks.
  package enum PeakField {
    package static let second = 0
    package static let reason = 4
    package static let liveCount = 8
    package static let liveBytes = 16
    package static let requestedBytes = 24
    package static let sites = 32
    package static let siteSize = 24
    package static let siteCount = 20
  }
}
