// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("leak-audit run")
struct RunCommandTests {
  private func run(_ options: [String] = [], _ command: String...) throws -> Command.Outcome {
    try Command.run("leak-audit", ["run"] + options + ["--"] + command)
  }

  @Test("The command's standard streams pass through, and it is said that it wrote no ledger")
  func streams() throws {
    let outcome = try Command.run(
      "/bin/sh", ["-c", "echo question | \"$0\" run -- sh -c 'cat; echo trouble >&2'", Command.path("leak-audit")])
    #expect(outcome.exitCode == 0)
    #expect(outcome.output == "question\n")
    #expect(outcome.errors.hasPrefix("trouble\nleak-audit: sh ended with exit code 0\nsh wrote no ledger: "))
  }

  @Test("If the command's environment was emptied, the report says that this may be why there is no ledger")
  func emptiedEnvironment() throws {
    let outcome = try run([], "env", "-i", Command.path("ledger-trials"), "ending", "held")
    #expect(outcome.exitCode == 0)
    #expect(
      outcome.errors.contains(
        "or something removed NATIVE_BUFFERS_LEDGER from its environment or replaced it (`env -i`, `env -u`, `sudo`"),
      "\(outcome.errors)")
  }

  @Test("The command's own exit code passes through", arguments: [1, 2, 3, 64, 255] as [Int32])
  func exitCodes(code: Int32) throws {
    let outcome = try run([], "sh", "-c", "exit \(code)")
    #expect(outcome.exitCode == code)
    #expect(outcome.errors.hasPrefix("leak-audit: sh ended with exit code \(code)\n"))
  }

  @Test(
    "A death by signal is reported, and ends with 128 plus the signal's number",
    arguments: [("KILL", 137), ("TERM", 143), ("SEGV", 139)] as [(String, Int32)])
  func deaths(name: String, code: Int32) throws {
    let outcome = try run([], "sh", "-c", "ulimit -c 0; kill -\(name) $$")
    #expect(outcome.exitCode == code)
    #expect(outcome.errors.hasPrefix("leak-audit: sh was ended by SIG\(name)\n"))
  }

  @Test("A signal that is sent to this command is passed on, once", arguments: ["TERM", "HUP", "USR1", "INT", "QUIT"])
  func passedOn(name: String) throws {
    // The inner shell says when it is ready, and the outer one then sends the signal to leak-audit alone.
    let script = """
      # A job of its own: other jobs in the background cannot trap SIGINT and SIGQUIT.
      set -m
      mkfifo "$1/ready"
      "$0" run -- sh -c 'trap "echo got; exit 7" \(name); echo >"$1/ready"; while :; do sleep 0.05; done' sh "$1" &
      read line <"$1/ready"
      kill -\(name) $!
      wait $!
      echo code=$?
      """
    let folder = try ScratchFolder()
    let outcome = try Command.run("/bin/bash", ["-c", script, Command.path("leak-audit"), folder.path])
    #expect(outcome.output == "got\ncode=7\n")
  }

  @Test("Each process has the path of a ledger of its own, and the folder is gone at the end")
  func environment() throws {
    let folder = try ScratchFolder()
    let outcome = try run(
      ["--ledger-folder", folder.path], "sh", "-c",
      "echo \"$NATIVE_BUFFERS_LEDGER\"; ls -d \"${NATIVE_BUFFERS_LEDGER%/*}\"")
    let lines = outcome.output.split(separator: "\n").map(String.init)
    #expect(lines[0].hasPrefix(folder.path + "/leak-audit-") && lines[0].hasSuffix("/%p.ledger"))
    #expect(lines[0].hasPrefix(lines[1]))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("A folder in which no ledger can be put is named, and the command does not run")
  func missingFolder() throws {
    let outcome = try run(["--ledger-folder", "/no/such"], "echo", "ran")
    #expect(outcome.exitCode == 2 && outcome.output == "")
    #expect(
      outcome.errors == "leak-audit: no folder for the ledgers could be made, in /no/such: no such file or directory. "
        + "Name a folder by --ledger-folder.\n")
  }

  @Test("Variables, the blocked signals and the ignored ones are the command's as they were ours")
  func inherited() throws {
    let script =
      "X='a b' \"$0\" run -- sh -c 'echo \"$X\"; grep -E \"^Sig(Blk|Ign)\" /proc/self/status'; "
      + "X='a b' sh -c 'echo \"$X\"; grep -E \"^Sig(Blk|Ign)\" /proc/self/status'"
    let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit")])
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 6 && lines.prefix(3) == lines.suffix(3))
  }

  @Test("The report goes into a file, which is made before the command runs")
  func output() throws {
    let folder = try ScratchFolder()
    let file = "\(folder.path)/report"
    let outcome = try run(["--output", file, "--format", "json"], "sh", "-c", "test -e \(file) && exit 4")
    #expect(outcome.exitCode == 4 && outcome.errors == "")
    let report = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any]
    #expect((report?["termination"] as? [String: Int]) == ["exitCode": 4])
    #expect((report?["reports"] as? [Any])?.isEmpty == true)
    let refused = try run(["--output", "\(folder.path)/missing/report"], "touch", "\(folder.path)/ran")
    #expect(refused.exitCode == 2 && refused.errors.contains("cannot be written: no such file or directory."))
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/ran"))
  }

  @Test("- stands for standard output")
  func standardOutput() throws {
    let outcome = try run(["--output", "-"], "sh", "-c", "echo first")
    #expect(outcome.exitCode == 0 && outcome.errors == "")
    #expect(outcome.output.hasPrefix("first\nleak-audit: sh ended with exit code 0\n"), "\(outcome.output)")
    #expect(!FileManager.default.fileExists(atPath: "-"))
  }

  @Test("If the report goes into a named pipe, the command runs first, and the report then waits for a reader")
  func pipe() throws {
    let folder = try ScratchFolder()
    let pipe = try folder.makePipe("pipe")
    // The reader begins when the command has run. If it never runs, the time limit ends the test.
    let script = """
      timeout 60 "$0" run --output "$1" -- touch "$2" &
      while kill -0 $! 2>&- && ! test -e "$2"; do sleep 0.02; done
      test -e "$2" && timeout 60 cat "$1"; wait $!; echo code=$?
      """
    let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit"), pipe, "\(folder.path)/ran"])
    #expect(outcome.output.hasPrefix("leak-audit: touch ended with exit code 0\n"), "\(outcome.output)")
    #expect(outcome.output.hasSuffix("\ncode=0\n"))
  }

  @Test("A pipe that is read already gets the report, too")
  func openPipe() throws {
    let script = "\"$0\" run --output /dev/stdout -- true | cat"
    let outcome = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit")])
    #expect(outcome.output.hasPrefix("leak-audit: true ended with exit code 0\n") && outcome.errors == "")
  }

  @Test(
    "A report that cannot be written is said on standard error; the exit code is 2, or the command's own one",
    arguments: [(0, 2), (5, 5)] as [(Int32, Int32)])
  func unwritten(own: Int32, code: Int32) throws {
    let full = try run(["--output", "/dev/full"], "sh", "-c", "exit \(own)")
    #expect(full.exitCode == code)
    #expect(
      full.errors == "leak-audit: the report \"/dev/full\" could not be written: no space left on device. Name another "
        + "file by --output.\n")
    // The reader goes away before the report is written.
    let script = """
      mkfifo "$1/pipe" "$1/gone"; exec 3<>"$1/gone"
      { read line; exec <&-; echo >&3; } <"$1/pipe" & exec 4>"$1/pipe"
      "$0" run --output "$1/pipe" -- sh -c 'echo >&4; read line <&3; exit \(own)'
      """
    let folder = try ScratchFolder()
    let broken = try Command.run("/bin/sh", ["-c", script, Command.path("leak-audit"), folder.path])
    #expect(broken.exitCode == code && broken.errors.contains("could not be written: broken pipe."), "\(broken.errors)")
  }

  @Test("A command that cannot be started is named, with what to do, and the exit code is 2")
  func missing() throws {
    let outcome = try run([], "no-such-command-anywhere")
    #expect(outcome.exitCode == 2)
    #expect(
      outcome.errors
        == "leak-audit: \"no-such-command-anywhere\" cannot be started: no such file or directory. Check its "
        + "name, and PATH.\n")
    #expect(try run([], "/etc/passwd").errors.contains("cannot be started: permission denied. Check the file and its"))
  }

  @Test(
    "A mistake on the command line is explained, and nothing runs",
    arguments: [
      ([], "Name the command after --"), (["--leak-exit-code", "0", "--", "true"], "must be from 1 to 255"),
      (["--fail-on", "leaks", "--", "true"], "\"leaks\" is no kind of finding. The kinds are held,"),
      (["--min-age", "soon", "--", "true"], "Give an age, such as 90s"),
      (["--min-age", "10", "--", "true"], "10 has no unit: write 10s, 10m, 10h or 10d"),
      (["--min-age", "-1s", "--", "true"], "Give an age, such as 90s"),
      (["--min-bytes", "-1k", "--", "true"], "Give a number of bytes that is not negative, such as 4096"),
      (["--leak-exit-code", "-1", "--", "true"], "must be from 1 to 255"),
    ] as [([String], String)])
  func mistakes(arguments: [String], text: String) throws {
    let outcome = try Command.run("leak-audit", ["run"] + arguments)
    #expect(outcome.exitCode == 64 && outcome.errors.contains(text), "\(outcome.errors)")
  }

  @Test("A suppression file with a mistake is refused before the command runs, with file, line and nothing else")
  func suppressions() throws {
    let folder = try ScratchFolder()
    let file = try folder.write(Array("held * * because\n".utf8), "known")
    let outcome = try run(["--suppress", file], "touch", "\(folder.path)/ran")
    #expect(outcome.exitCode == 64)
    #expect(
      outcome.errors
        == "leak-audit: \(file):1: there is no reason. A rule is: KIND FILE FUNCTION [at most N] because REASON.\n")
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/ran"))
    let missing = try run(["--suppress", "\(folder.path)/none"], "true")
    #expect(missing.exitCode == 2 && missing.errors.contains("cannot be read: no such file or directory."))
  }
}
