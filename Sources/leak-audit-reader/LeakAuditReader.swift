// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import LeakAuditCommands

/// `leak-audit-reader`: `leak-audit` without the demo, so that it needs neither jemalloc nor libraries of pictures, and
/// can be linked into one file that runs everywhere.
@main
struct LeakAuditReader: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leak-audit-reader",
    abstract: "Audits the native memory of other processes: compares the allocator's counts with those of the ledger.",
    version: PackageVersion.current,
    subcommands: LeakAuditSubcommands.all)

  static func main() { runMain() }
}
