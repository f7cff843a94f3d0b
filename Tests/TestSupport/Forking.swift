// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Forks children, and says how they ended.
public enum Forking {
  /// Forks. A child that still runs after so many seconds is killed: see ``ProcessTimeLimit``.
  ///
  /// Swift hides `fork`, because its runtime promises nothing in the child. So a child calls this package and `_exit`,
  /// and little else.
  public static func fork(secondsOfChild: UInt32 = 20) -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = unsafe dlsym(nil, "fork") else { return -1 }
    // SAFETY: this is fork's type.
    let child = unsafe unsafeBitCast(symbol, to: Fork.self)()
    if child == 0 { ProcessTimeLimit.set(seconds: secondsOfChild) }
    return child
  }

  /// Waits for a child's end. Returns the status of `waitpid`: 0 if the child ended with exit code 0, the signal's
  /// number if a signal killed it (plus 128 with a core dump); -1 if there is no such child.
  public static func status(of child: pid_t) -> Int32 {
    var status: Int32 = -1
    return unsafe waitpid(child, &status, 0) == child ? status : -1
  }
}
