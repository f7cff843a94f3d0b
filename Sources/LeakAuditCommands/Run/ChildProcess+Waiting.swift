// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The signals that this process takes care of while a command runs. They are blocked and fetched one by one, so that
/// no handler is needed.
struct WaitedSignals {
  private(set) var set = sigset_t()
  /// The signals that were blocked before.
  private(set) var previous = sigset_t()

  /// Blocks them. SIGTTIN and SIGTTOU are not among them: they stop us, as they stop the command.
  init() {
    unsafe sigemptyset(&set)
    for number in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH, SIGTSTP, SIGCONT, SIGCHLD] {
      unsafe sigaddset(&set, number)
    }
    // Otherwise the system would forget how the command ended, if our own parent had ignored this signal.
    signal(SIGCHLD, SIG_DFL)
    unsafe sigprocmask(SIG_BLOCK, &set, &previous)
  }

  /// The next signal, and whether a process sent it to us by `kill`. A terminal's signals go to all processes of the
  /// group, so the command has got them already.
  func next() -> (number: Int32, isFromProcess: Bool) {
    var set = set
    while true {
      var info = unsafe siginfo_t()
      let number = unsafe sigwaitinfo(&set, &info)
      if number > 0 { return (number, unsafe info.si_code <= 0) }
    }
  }

  /// The signals have their usual effects again, also those that arrived meanwhile.
  func endWaiting() {
    var mask = previous
    unsafe sigprocmask(SIG_SETMASK, &mask, nil)
  }

  /// Takes SIGCONT if it is waiting, before other signals that came with it.
  func takeContinuation() -> Bool {
    var only = sigset_t()
    unsafe sigemptyset(&only)
    unsafe sigaddset(&only, SIGCONT)
    var none = timespec()
    return unsafe sigtimedwait(&only, nil, &none) == SIGCONT
  }
}

extension ChildProcess {
  /// Waits until the command has ended, and passes on the signals that are sent to this process.
  ///
  /// If the command stops, and there is a terminal, this process stops, too: a shell then has the terminal again.
  /// SIGCONT continues both.
  func wait(_ signals: WaitedSignals) -> Termination {
    let hasTerminal = Self.hasTerminal
    while true {
      let (number, isFromProcess) = signals.next()
      if number == SIGCONT || number != SIGCHLD && isFromProcess { kill(id, number) }
      // A stop that was ended meanwhile must not be taken for a new one.
      if signals.takeContinuation() { kill(id, SIGCONT) }
      var status: Int32 = 0
      guard unsafe waitpid(id, &status, WNOHANG | WUNTRACED) == id else { continue }
      guard status & 0xFF == 0x7F else { return Termination(status: status) }
      if hasTerminal { raise(SIGSTOP) }
    }
  }

  private static var hasTerminal: Bool {
    let terminal = unsafe open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard terminal >= 0 else { return false }
    close(terminal)
    return true
  }
}
