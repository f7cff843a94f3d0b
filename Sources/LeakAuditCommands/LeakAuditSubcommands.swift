// SPDX-License-Identifier: Apache-2.0

package import ArgumentParser

/// The commands that read ledgers of other processes, in the order in which help lists them.
package enum LeakAuditSubcommands {
  package static var all: [any ParsableCommand.Type] {
    [RunCommand.self, ListCommand.self, ReportCommand.self, WatchCommand.self, SnapshotCommand.self, DiffCommand.self]
  }
}
