// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Moments as they are written in reports of snapshots, which are read at other times and on other machines.
enum UniversalTime {
  /// "2026-12-01 12:48:49 UTC".
  /// - Parameter nanoseconds: since 1970.
  static func text(nanoseconds: UInt64) -> String {
    let (date, time) = parts(nanoseconds: nanoseconds)
    return "\(date) \(time) UTC"
  }

  /// "2026-12-01T12:48:49Z", as RFC 3339 and XML write it.
  /// - Parameter nanoseconds: since 1970.
  static func iso8601(nanoseconds: UInt64) -> String {
    let (date, time) = parts(nanoseconds: nanoseconds)
    return "\(date)T\(time)Z"
  }

  private static func parts(nanoseconds: UInt64) -> (date: String, time: String) {
    var seconds = Int(clamping: nanoseconds / 1_000_000_000)
    var parts = unsafe tm()
    unsafe gmtime_r(&seconds, &parts)
    func pair(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = unsafe "\(parts.tm_year + 1_900)-\(pair(parts.tm_mon + 1))-\(pair(parts.tm_mday))"
    return unsafe (date, "\(pair(parts.tm_hour)):\(pair(parts.tm_min)):\(pair(parts.tm_sec))")
  }
}
