// SPDX-License-Identifier: Apache-2.0

/// Whose ledger it is: as the process itself wrote it, except for the name of its command.
package struct LedgerProcess: Codable, Sendable, Equatable {
  /// The process id in the process's own pid namespace.
  package var id: Int
  /// The id of the process that it was forked from with a ledger; nil if there was none.
  package var parentID: Int?
  package var userID: Int
  /// The name of the command, at most 15 bytes. If a running process was read, it is the name that it had at that time;
  /// otherwise the one that it had when it made the ledger. Empty if it is not known.
  package var command: String
  package var host: String
  /// When the process started, as field 22 of `/proc/PID/stat` gives it; 0 if the process had no `/proc`.
  package var startTime: UInt64
  /// The inode of `/proc/PID/ns/pid`; 0 if the process had no `/proc`.
  package var pidNamespace: UInt64
  /// The machine's boot id, as `/proc/sys/kernel/random/boot_id` shows it; nil if the process had no `/proc`.
  package var bootID: String?
  /// When the ledger was made: nanoseconds since 1970.
  package var madeAt: UInt64
  /// Bytes of a page.
  package var pageSize: Int
}

/// The clock by which a ledger records when lives begin: whole seconds since it was made, plus 1.
package struct LedgerClock: Codable, Sendable, Equatable {
  /// The second at the clock's last refresh.
  package var second: Int
  /// When that was: nanoseconds since 1970.
  package var refreshedAt: UInt64
  /// The second at which the snapshot was taken. If the process still ran, it is ``second`` and the time since the
  /// refresh; otherwise it is ``second``, because ages mean "when it ended".
  package var now: Int
  /// The seconds by which a birth may have been recorded too early, at most. It is of the whole life of the ledger,
  /// because what began at any time of it may still be live.
  package var longestGap: Int
  /// Whether a maintenance thread refreshed the clock every second.
  package var isMaintained: Bool
  /// Seconds since the last refresh when the snapshot was taken; 0 if the clocks disagree.
  package var age: Double
}
