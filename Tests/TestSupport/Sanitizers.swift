// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What tests must know about ThreadSanitizer, which they may run under.
public enum ThreadSanitizer {
  /// Whether this process runs under it. If so, Swift's runtime takes a lock of its own at each use of a lazy global,
  /// to show the sanitizer an order. In a forked child, no thread frees that lock: a test that forks while other
  /// threads run would wait there for ever.
  public static let isOn: Bool = {
    guard let symbol = unsafe dlsym(nil, "_swift_tsan_enabled") else { return false }
    // SAFETY: the symbol is the runtime's own flag, a C++ bool.
    return unsafe symbol.load(as: UInt8.self) != 0
  }()
}

/// Whether this process runs under ThreadSanitizer or AddressSanitizer.
public enum Sanitizer {
  public static let isOn: Bool = unsafe ThreadSanitizer.isOn || dlsym(nil, "__asan_init") != nil
}
