// SPDX-License-Identifier: Apache-2.0

import Foundation

/// How much a test does that could go on for ever, such as one of random steps. The environment says it:
/// `NATIVE_BUFFERS_STRESS=short` if a sanitizer makes each step slow, `NATIVE_BUFFERS_STRESS=long` if there is time.
public enum TestLength: String, Sendable {
  case short, ordinary, long

  public static let current =
    ProcessInfo.processInfo.environment["NATIVE_BUFFERS_STRESS"].flatMap(TestLength.init(rawValue:)) ?? .ordinary

  public static var isLong: Bool { current == .long }

  /// The value for the current length. A test that is no slower with a sanitizer needs no value for that.
  public static func choose<T>(short: T? = nil, _ ordinary: T, long: T) -> T {
    switch current {
    case .short: short ?? ordinary
    case .ordinary: ordinary
    case .long: long
    }
  }
}
