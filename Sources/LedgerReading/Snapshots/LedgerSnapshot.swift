// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What a ledger had at one moment: sums by line, size class, state and age, and the largest resources.
///
/// A snapshot needs neither the ledger nor the process any more. Rows refer to ``sites`` and ``domains`` by position;
/// a snapshot that is decoded has been checked, so these positions are always valid.
///
/// A process goes on while its ledger is read, so a snapshot is not of one instant: each resource is shown as it was at
/// some moment between ``LedgerReader/snapshot(_:)``'s begin and end. The counts of ``answer`` are of one instant.
package struct LedgerSnapshot: Codable, Sendable, Equatable {
  /// The version of this structure, for snapshots in files.
  package static var currentVersion: Int { 1 }

  package enum Status: String, Codable, Sendable {
    /// A process just begins it, or a forked child just copies it.
    case beingMade
    /// In use, or its process ended without a regular exit.
    case inUse
    /// The process ended by a regular exit.
    case ended
    /// The process began another program by `exec`, so that this one is gone. The ledger says so, or the process runs
    /// and has not mapped the ledger any more.
    case replaced
  }

  package var version = Self.currentVersion
  /// Whose ledger it is; nil if that was just changing and stayed so: a forked child died in this moment.
  package var process: LedgerProcess?
  /// The process id under which the reader found the process; nil if it read a file. It differs from the one in
  /// ``process`` if the two are in different pid namespaces.
  package var seenProcessID: Int?
  package var status: Status
  /// Whether the process still runs; nil if that cannot be found out, as for a file from another machine.
  package var isRunning: Bool?
  /// When the reader read: nanoseconds since 1970.
  package var takenAt: UInt64
  package var clock: LedgerClock

  /// Ascending seconds. A resource is in age band *n* if its age has reached *n* of them.
  package var ageBoundaries: [Int]
  /// Every resource of the ledger, added up. In the order of domain, state, bucket, site and age.
  package var sums: [SnapshotSum]
  /// The live resources that asked for most bytes, largest first.
  package var largest: [SnapshotEntry]
  /// The lines of code to which rows refer. The first one is the unknown line.
  package var sites: [SnapshotSite]
  /// The domains that are in use, and those to which rows refer. The first one stands for "no domain".
  package var domains: [SnapshotDomain]
  /// Cleanups of finalization registries that are under way, longest first.
  package var runningCleanups: [SnapshotCleanup]
  /// The names of scopes, if they are known.
  package var scopes: [SnapshotScope]

  /// What the process itself counted last in both books; nil if it was never asked.
  package var answer: LedgerAnswer?
  /// One sample a second, oldest first, for at most an hour. Seconds are missing if no maintenance thread ran.
  package var history: [HistorySample]
  package var peaks: [LedgerPeak]

  /// Resources that were created on lines for which the ledger had no room.
  package var unrecordedCount: Int
  /// Entries that changed during each try to read them. They are in no sum.
  package var tornCount: Int
  /// What could not be believed, and is in no sum; empty for a sound ledger.
  package var damage: [LedgerDamage]
  /// Entries that were ever used at the same time, and how many there is room for.
  package var entryCount: Int
  package var entryCapacity: Int
}

/// Records of a ledger with a value that no sound ledger has.
package struct LedgerDamage: Codable, Sendable, Equatable {
  /// What is wrong, as "an entry names a line that does not exist".
  package var what: String
  package var count: Int
  /// The number of the first such record.
  package var firstIndex: Int
}

/// A cleanup that is under way.
package struct SnapshotCleanup: Codable, Sendable, Equatable {
  /// The position in ``LedgerSnapshot/sites`` of the line that registered it.
  package var site: Int
  /// The position of its registry in ``LedgerSnapshot/domains``.
  package var domain: Int
  /// Seconds since it began; or, if it is one of several in a row, since the first of at most 16 of them began.
  package var age: Double
}

/// The name of a scope, and when it began and ended, in seconds of the ledger's clock.
package struct SnapshotScope: Codable, Sendable, Equatable {
  package var number: UInt32
  /// The number of the scope around it; 0 for none.
  package var parent: UInt32
  package var name: String
  package var began: Int
  /// Nil while it is open.
  package var ended: Int?
}

extension LedgerSnapshot {
  /// Reads a snapshot.
  /// - Throws: `DecodingError`, also if the version is another one or a row refers to something that is not there.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    version = try values.decode(Int.self, forKey: .version)
    guard version == Self.currentVersion else {
      throw DecodingError.dataCorruptedError(
        forKey: .version, in: values,
        debugDescription: "the snapshot has version \(version), and this program reads version \(Self.currentVersion)")
    }
    process = try values.decodeIfPresent(LedgerProcess.self, forKey: .process)
    seenProcessID = try values.decodeIfPresent(Int.self, forKey: .seenProcessID)
    status = try values.decode(Status.self, forKey: .status)
    isRunning = try values.decodeIfPresent(Bool.self, forKey: .isRunning)
    takenAt = try values.decode(UInt64.self, forKey: .takenAt)
    clock = try values.decode(LedgerClock.self, forKey: .clock)
    ageBoundaries = try values.decode([Int].self, forKey: .ageBoundaries)
    sums = try values.decode([SnapshotSum].self, forKey: .sums)
    largest = try values.decode([SnapshotEntry].self, forKey: .largest)
    sites = try values.decode([SnapshotSite].self, forKey: .sites)
    domains = try values.decode([SnapshotDomain].self, forKey: .domains)
    runningCleanups = try values.decode([SnapshotCleanup].self, forKey: .runningCleanups)
    scopes = try values.decode([SnapshotScope].self, forKey: .scopes)
    answer = try values.decodeIfPresent(LedgerAnswer.self, forKey: .answer)
    history = try values.decode([HistorySample].self, forKey: .history)
    peaks = try values.decode([LedgerPeak].self, forKey: .peaks)
    unrecordedCount = try values.decode(Int.self, forKey: .unrecordedCount)
    tornCount = try values.decode(Int.self, forKey: .tornCount)
    damage = try values.decode([LedgerDamage].self, forKey: .damage)
    entryCount = try values.decode(Int.self, forKey: .entryCount)
    entryCapacity = try values.decode(Int.self, forKey: .entryCapacity)
    guard refersOnlyToWhatIsThere else {
      throw DecodingError.dataCorruptedError(
        forKey: .sums, in: values, debugDescription: "a row of the snapshot refers to a line or domain that is missing")
    }
  }

  /// Whether every position in a row is one of ``sites``, ``domains`` and ``ageBoundaries``.
  package var refersOnlyToWhatIsThere: Bool {
    let sites = sites.indices, domains = domains.indices
    return !sites.isEmpty && !domains.isEmpty
      && sums.allSatisfy {
        sites.contains($0.site) && domains.contains($0.domain) && (0...ageBoundaries.count).contains($0.ageBand)
      }
      && runningCleanups.allSatisfy { sites.contains($0.site) && domains.contains($0.domain) }
      && largest.allSatisfy { sites.contains($0.site) && domains.contains($0.domain) }
      && peaks.allSatisfy { $0.sites.allSatisfy { sites.contains($0.site) } }
      && (answer.map { answer in
        answer.arenas.allSatisfy { domains.contains($0.domain) }
          && answer.classes.allSatisfy { domains.contains($0.domain) }
      } ?? true)
  }

  /// Bytes of a size class of an arena; nil if the domain is no arena, or there is no such class.
  package func sizeClass(ofDomain domain: Int, bucket: Int) -> Int? {
    domains[domain].kind == .arena && (0..<SizeClass.count).contains(bucket) ? SizeClass.byteCount(at: bucket) : nil
  }

  /// The least and the greatest age of a band, in seconds; the greatest is nil for the last band.
  package func ages(ofBand band: Int) -> (least: Int, below: Int?) {
    (band == 0 ? 0 : ageBoundaries[band - 1], band < ageBoundaries.count ? ageBoundaries[band] : nil)
  }

  /// How many seconds before the snapshot a second of the ledger's clock was; 0 if it is a later one. The second may
  /// come from a file, and no number there may cause a trap.
  package func age(ofSecond second: Int) -> Int {
    let (age, overflow) = clock.now.subtractingReportingOverflow(second)
    return overflow ? 0 : max(0, age)
  }

  /// The age of the oldest resource of a row, in seconds; nil if it is not known. The resource may be younger, by at
  /// most ``LedgerClock/longestGap``.
  package func oldestAge(of sum: SnapshotSum) -> Int? {
    sum.oldestBirth == 0 ? nil : age(ofSecond: Int(sum.oldestBirth))
  }

  /// The first band whose resources are all known to have reached an age, although the birth of a resource may have
  /// been recorded too early; nil if the snapshot has no such band. Its least age is the age that was asked for, if the
  /// snapshot was taken with that age (``LedgerReader/Options/leastAge``), and otherwise it may be a greater one.
  package func firstBand(surelyOfAge age: Int) -> Int? {
    let (needed, overflow) = age.addingReportingOverflow(clock.longestGap)
    guard !overflow else { return nil }
    if needed <= 0 { return 0 }
    return ageBoundaries.firstIndex { $0 >= needed }.map { $0 + 1 }
  }
}
