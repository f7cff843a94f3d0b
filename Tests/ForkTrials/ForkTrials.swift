// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport

/// Forks again and again while other threads use the library. Each child uses the library, too.
///
///   fork-trials SCENARIO FORKS
///   fork-trials list              prints the scenarios
///
/// The exit code is 0 if every child ended with 0 within a minute. Otherwise it is 1. If a child hung, or `fork`
/// itself, standard error has the stacks of that process.
@main enum ForkTrials {
  /// A child that hangs never ends. One that does not hang may take seconds on a busy machine.
  private static let secondsOfChild: UInt64 = 60
  private static let workers = 2

  static func main() {
    let arguments = CommandLine.arguments
    if arguments.dropFirst() == ["list"] { return print(Scenario.all.keys.sorted().joined(separator: "\n")) }
    guard arguments.count == 3, let scenario = Scenario.all[arguments[1]], let forks = Int(arguments[2]) else {
      fail("usage: fork-trials SCENARIO FORKS, or fork-trials list")
    }
    // When a type is used for the first time, Swift's runtime takes locks of its own, and it does not promise that
    // these locks can be used after a `fork`. So this process does the child's part once before any fork.
    let rehearsal = scenario.child()
    guard rehearsal == 0 else { fail("before any fork: the child's part ends with \(rehearsal)") }
    // SAFETY: the threads run until `_exit`.
    for number in 0..<workers { Worker { while true { scenario.worker(number) } } }
    let done = Counter()
    Worker { watch(done) }
    for number in 1...forks {
      let child = Forking.fork(secondsOfChild: 600)
      if child == 0 { _exit(scenario.child()) }
      guard child > 0 else { fail("fork: \(errno)") }
      let status = wait(for: child)
      guard status == 0 else { fail("fork \(number): the child ended with status \(status)") }
      done.add()
    }
    guard scenario.parent() == 0 else { fail("the parent's books do not agree afterwards") }
    _exit(0)
  }

  /// Ends the process if the next child is not done within three times the time that a child may take.
  private static func watch(_ done: Counter) {
    var last = -1
    var lastMoment = now()
    while true {
      usleep(100_000)
      let count = done.value
      if count != last { (last, lastMoment) = (count, now()) }
      guard now() - lastMoment > 3 * secondsOfChild * 1_000_000_000 else { continue }
      fail("fork \(count + 1) hangs in the parent\n" + stacks(of: getpid()))
    }
  }

  /// - Returns: the exit code, or the number of the signal plus 1,000.
  private static func wait(for child: pid_t) -> Int32 {
    let deadline = now() + secondsOfChild * 1_000_000_000
    var pause: UInt32 = 50
    while true {
      var status: Int32 = 0
      if unsafe waitpid(child, &status, WNOHANG) == child {
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 1_000 + status & 0x7f
      }
      if now() > deadline {
        let text = stacks(of: child)
        kill(child, SIGKILL)
        fail("a child is not done after \(secondsOfChild) s\n" + text)
      }
      usleep(pause)
      pause = min(2 * pause, 2_000)
    }
  }

  /// The stacks of all threads of a process, as gdb shows them. If there is no gdb, the text that the kernel has about
  /// the process.
  private static func stacks(of process: pid_t) -> String {
    let outcome = try? Command.run(
      "/usr/bin/gdb", ["--batch", "--nx", "-p", "\(process)", "-ex", "thread apply all bt 40"])
    if let outcome, outcome.exitCode == 0 { return outcome.output }
    return ["syscall", "wchan", "stack", "status"].map { name in
      "/proc/\(process)/\(name): " + ((try? Command.run("/bin/cat", ["/proc/\(process)/\(name)"]).output) ?? "?")
    }.joined(separator: "\n")
  }

  private static func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  private static func fail(_ message: String) -> Never {
    var text = "fork-trials: \(message)\n"
    text.withUTF8 { bytes in _ = unsafe write(STDERR_FILENO, bytes.baseAddress, bytes.count) }
    _exit(1)
  }
}
