// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import CommandOutput
import LeakAuditCommands

/// `leak-audit`: shows what the two books say about native memory.
@main
struct LeakAudit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "leak-audit",
    abstract: "Audits native memory: compares the allocator's counts with those of the ledger.",
    version: PackageVersion.current,
    subcommands: LeakAuditSubcommands.all + [DemoCommand.self])

  static func main() { runMain() }
}
