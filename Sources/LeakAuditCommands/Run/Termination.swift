// SPDX-License-Identifier: Apache-2.0

import Glibc

/// How a process ended.
package enum Termination: Sendable, Equatable {
  case exited(code: Int32)
  case killed(signal: Int32, dumpedCore: Bool)

  /// - Parameter status: of a process that ended, as `waitpid` gives it.
  init(status: Int32) {
    let signal = status & 0x7F
    self = signal == 0 ? .exited(code: status >> 8 & 0xFF) : .killed(signal: signal, dumpedCore: status & 0x80 != 0)
  }

  /// The exit code that a shell reports for it.
  package var shellCode: Int32 {
    switch self {
    case .exited(let code): code
    case .killed(let signal, _): 128 + signal
    }
  }

  /// What happened, as the end of a sentence about the process.
  package var text: String {
    switch self {
    case .exited(let code): "ended with exit code \(code)"
    case .killed(let signal, let dumpedCore):
      "was ended by \(Self.name(ofSignal: signal))" + (dumpedCore ? ", and left a core dump" : "")
    }
  }

  /// "SIGKILL", or "signal 40" if it has no name.
  private static func name(ofSignal number: Int32) -> String { names[number] ?? "signal \(number)" }

  private static let names: [Int32: String] = [
    SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGTRAP: "SIGTRAP", SIGABRT: "SIGABRT",
    SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGUSR1: "SIGUSR1", SIGSEGV: "SIGSEGV",
    SIGUSR2: "SIGUSR2", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGXCPU: "SIGXCPU",
    SIGXFSZ: "SIGXFSZ", SIGVTALRM: "SIGVTALRM", SIGPROF: "SIGPROF", SIGSYS: "SIGSYS",
  ]
}
