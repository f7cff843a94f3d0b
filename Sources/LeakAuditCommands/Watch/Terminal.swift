// SPDX-License-Identifier: Apache-2.0

import CommandOutput
import Glibc
import Synchronization

/// The whole terminal: a second screen without line editing, from ``enter()`` to ``leave()``.
///
/// The terminal is as it was before also if a signal ends the process: signals that ask for an end are passed on as
/// events, and those of a crash restore the terminal first. Only after SIGKILL it stays as it is; `reset` helps then.
enum Terminal {
  enum Event: Equatable {
    case key(Key)
    case resized
    /// The process was stopped and is continued: everything must be drawn again.
    case continued
    /// A signal asks for the end.
    case ended(signal: Int32)
    /// Nothing happened for as long as the caller wanted to wait.
    case timeout
  }

  enum Key: Equatable {
    case character(Character)
    case enter, escape, backspace, up, down, pageUp, pageDown
  }

  /// Bits of the signals that have arrived: see ``watchedSignals``.
  private static let pending = Atomic<UInt32>(0)
  private static let isEntered = Atomic<Bool>(false)
  // SAFETY: written by `enter()` before `isEntered` is set, and by no other code afterwards; the handlers of a crash
  // read it only if `isEntered` is set.
  private nonisolated(unsafe) static var settings = termios()

  private static let watchedSignals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH]
  private static let crashSignals = [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE]

  /// The second screen, without a cursor and without wrapping of long lines; and back.
  private static var entering: StaticString { "\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l" }
  private static var leaving: StaticString { "\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l" }

  /// - Returns: false if standard input is no terminal.
  static func enter() -> Bool {
    guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else { return false }
    pending.store(0, ordering: .relaxed)
    isEntered.store(true, ordering: .releasing)
    watchSignals()
    show()
    return true
  }

  static func leave() {
    guard isEntered.exchange(false, ordering: .acquiringAndReleasing) else { return }
    hide()
  }

  private static func show() {
    var raw = unsafe settings
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
    raw.c_iflag &= ~tcflag_t(ICRNL | IXON)
    unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw)
    write(entering)
  }

  /// Makes only calls that a signal handler may make.
  private static func hide() {
    write(leaving)
    unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
  }

  private static func write(_ sequence: StaticString) {
    _ = unsafe Glibc.write(STDOUT_FILENO, sequence.utf8Start, sequence.utf8CodeUnitCount)
  }

  private static func watchSignals() {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in watchedSignals {
      unsafe sigaddset(&set, number)
      signal(number) { Terminal.pending.bitwiseOr(1 << UInt32($0), ordering: .relaxed) }
    }
    // They arrive only while `pselect` waits, so that none arrives unseen between a look at `pending` and the wait.
    unsafe sigprocmask(SIG_BLOCK, &set, nil)
    for number in crashSignals {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        if Terminal.isEntered.exchange(false, ordering: .relaxed) { Terminal.hide() }
        raise(number)
      }
      // The second time, the signal has its usual effect.
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_NODEFER
      unsafe sigaction(number, &action, nil)
    }
    signal(SIGPIPE, SIG_IGN)
  }

  /// The rows and columns of the terminal; 24 and 80 if it does not say.
  static var size: (rows: Int, columns: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return (24, 80) }
    return (size.ws_row > 0 ? Int(size.ws_row) : 24, size.ws_col > 0 ? Int(size.ws_col) : 80)
  }

  /// Draws a whole screen, in one write, so that it does not flicker.
  /// - Returns: false if the terminal is gone.
  static func draw(_ lines: [String], rows: Int) -> Bool {
    StandardOutput.write(sequence(for: lines.prefix(rows)))
  }

  /// What draws these lines from the top. Each row is erased before its line is written: after a line of the whole
  /// width, the cursor is still on its last column, and an erasure would take that character.
  static func sequence(for lines: some Sequence<String>) -> String {
    "\u{1B}[H" + lines.map { "\u{1B}[0m\u{1B}[K\($0)" }.joined(separator: "\r\n") + "\u{1B}[0m"
  }

  /// Waits for a key, a signal, or the end of some milliseconds.
  static func nextEvent(milliseconds: Int) -> Event {
    if let event = signalEvent() { return event }
    var input = fd_set()
    // Standard input has number 0, so this is its bit.
    input.__fds_bits.0 = 1
    var none = sigset_t()
    unsafe sigemptyset(&none)
    var timeout = timespec(tv_sec: milliseconds / 1_000, tv_nsec: milliseconds % 1_000 * 1_000_000)
    let count = unsafe pselect(1, &input, nil, nil, &timeout, &none)
    if count < 0 { return signalEvent() ?? .timeout }
    guard count > 0 else { return .timeout }
    return key().map(Event.key) ?? .ended(signal: SIGHUP)
  }

  private static func signalEvent() -> Event? {
    let arrived = pending.exchange(0, ordering: .relaxed)
    guard arrived != 0 else { return nil }
    func has(_ number: Int32) -> Bool { arrived & 1 << UInt32(number) != 0 }
    for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT] where has(number) { return .ended(signal: number) }
    if has(SIGTSTP) {
      hide()
      // Not SIGTSTP, which is blocked here. SIGCONT ends it.
      raise(SIGSTOP)
      show()
      return .continued
    }
    return has(SIGCONT) ? .continued : .resized
  }

  /// Reads a key; nil at the end of the input.
  private static func key() -> Key? {
    guard let first = byte() else { return nil }
    switch first {
    case 0x0D, 0x0A: return .enter
    case 0x7F, 0x08: return .backspace
    case 0x1B: return escapeSequence()
    default: return .character(character(beginningWith: first))
    }
  }

  /// An escape key, or the keys for which a terminal sends an escape and more characters at once.
  private static func escapeSequence() -> Key {
    guard isMoreWaiting, let second = byte(), second == UInt8(ascii: "[") || second == UInt8(ascii: "O"),
      isMoreWaiting, let third = byte()
    else { return .escape }
    switch third {
    case UInt8(ascii: "A"): return .up
    case UInt8(ascii: "B"): return .down
    case UInt8(ascii: "5"), UInt8(ascii: "6"):
      // "~" follows.
      if isMoreWaiting { _ = byte() }
      return third == UInt8(ascii: "5") ? .pageUp : .pageDown
    default:
      while isMoreWaiting, let next = byte(), next < 0x40 {}
      return .escape
    }
  }

  private static func character(beginningWith first: UInt8) -> Character {
    var bytes = [first]
    let length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    while bytes.count < length, isMoreWaiting, let next = byte() { bytes.append(next) }
    return String(decoding: bytes, as: UTF8.self).first ?? "?"
  }

  private static var isMoreWaiting: Bool {
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&input, 1, 0) > 0
  }

  private static func byte() -> UInt8? {
    var value: UInt8 = 0
    while true {
      let count = unsafe read(STDIN_FILENO, &value, 1)
      if count == 1 { return value }
      if count == 0 || errno != EINTR { return nil }
    }
  }
}
