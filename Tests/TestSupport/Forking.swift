import Glibc

/// Children that are forked, and how they ended.
public enum Forking {
  /// Forks. A child that is still there after so many seconds is killed: see ``ProcessTimeLimit``.
  ///
  /// Swift hides `fork` because its runtime makes no promise in the child: that calls this package and `_exit`, and
  /// little besides.
  public static func fork(secondsOfChild: UInt32 = 20) -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    guard let symbol = unsafe dlsym(nil, "fork") else { return -1 }
    // SAFETY: this is fork's type.
    let child = unsafe unsafeBitCast(symbol, to: Fork.self)()
    if child == 0 { ProcessTimeLimit.set(seconds: secondsOfChild) }
    return child
  }

  /// Waits for a child's end. 0 where it ended with exit code 0, the signal's number where one killed it; -1 where there
  /// is no such child.
  public static func status(of child: pid_t) -> Int32 {
    var status: Int32 = -1
    return unsafe waitpid(child, &status, 0) == child ? status : -1
  }
}
