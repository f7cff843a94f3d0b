// SPDX-License-Identifier: Apache-2.0

extension LeakAuditor {
  /// What an audit expects to be live. Later versions may have more.
  public struct Expectation: Hashable, Sendable {
    let isNothingLive: Bool

    /// Live buffers and resources are in the books and no finding.
    public static var anything: Expectation { Expectation(isNothingLive: false) }

    /// Everything should be released: what is live is a finding (`held`), with the lines that created it. For the end
    /// of a program, of a worker, or of a test that has the process for itself. What a `ResourceCache` holds, and what
    /// was created inside of a `ProcessLifetime.scope`, is no finding.
    public static var nothingLive: Expectation { Expectation(isNothingLive: true) }
  }
}
