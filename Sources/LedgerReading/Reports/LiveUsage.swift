// SPDX-License-Identifier: Apache-2.0

import ResourceLedger

/// What is live: how much, in which arenas and domains, and from which lines of code.
///
/// Everything that a handle owns is counted, whether it is a leak or kept on purpose. Memory that was given away by
/// `unsafeDetach()` is not.
public struct LiveUsage: Codable, Sendable, Equatable {
  /// What one line of code created in one arena or domain.
  public struct Line: Codable, Sendable, Equatable {
    /// The line, and what is live of it there.
    public let site: SiteTotals
    /// The name of the arena or of the domain.
    public let domain: String
    /// What sort of domain it is: "arena", "file descriptors", "finalization registry", "custom", ….
    public let domainKind: String

    package init(site: SiteTotals, domain: String, domainKind: String) {
      self.site = site
      self.domain = domain
      self.domainKind = domainKind
    }
  }

  /// What is live in one arena or domain.
  public struct Domain: Codable, Sendable, Equatable {
    public let name: String
    /// What sort of domain it is, see ``Line/domainKind``.
    public let kind: String
    public let count: Int
    /// Bytes asked for.
    public let byteCount: Int
    /// Whole seconds since the oldest of these resources was created; nil if that is not known.
    public let oldestAge: Int?

    package init(name: String, kind: String, count: Int, byteCount: Int, oldestAge: Int?) {
      self.name = name
      self.kind = kind
      self.count = count
      self.byteCount = byteCount
      self.oldestAge = oldestAge
    }
  }

  /// Buffers and other resources. Registrations are not among them: most are of an object that counts itself.
  public let count: Int
  /// Bytes asked for.
  public let byteCount: Int
  /// The arenas and domains that have something live, most bytes first. Registrations are among them.
  public let domains: [Domain]
  /// One row for each line and domain, most bytes first. Registrations are among them.
  public let lines: [Line]

  package init(count: Int, byteCount: Int, domains: [Domain], lines: [Line]) {
    self.count = count
    self.byteCount = byteCount
    self.domains = domains
    self.lines = lines
  }

  /// Nothing is live.
  package static var none: LiveUsage { LiveUsage(count: 0, byteCount: 0, domains: [], lines: []) }

  /// The lines that hold most bytes, each once, whatever domains its resources are in.
  /// - Parameter top: how many; all if there are fewer.
  /// - Complexity: O(n) in the number of lines.
  public func sites(top: Int = .max) -> [SiteTotals] {
    var order: [Site] = []
    var sums: [Site: SiteTotals] = [:]
    for row in lines {
      let site = Site(file: row.site.file, line: row.site.line, function: row.site.function)
      if sums[site] == nil { order.append(site) }
      sums[site] = sums[site].map { $0 + row.site } ?? row.site
    }
    let sites = order.compactMap { sums[$0] }.sorted { ($1.byteCount, $1.count) < ($0.byteCount, $0.count) }
    return Array(sites.prefix(max(0, top)))
  }
}

extension SiteTotals {
  /// The sum for one line, of two domains.
  fileprivate static func + (a: SiteTotals, b: SiteTotals) -> SiteTotals {
    SiteTotals(
      file: a.file, line: a.line, function: a.function, count: .clampedSum([a.count, b.count]),
      byteCount: .clampedSum([a.byteCount, b.byteCount]), oldestAge: [a.oldestAge, b.oldestAge].compactMap { $0 }.max())
  }
}

extension LiveUsage: CustomStringConvertible {
  /// One line: how much is live, and which line has most of it.
  public var description: String {
    let top = sites(top: 1).first.map { ", most of it from \($0.file):\($0.line)" } ?? ""
    return "\(count.grouped) live, \(byteCount.grouped) bytes\(top)"
  }

  /// The sum, a table of domains, and the lines, most bytes first.
  public var text: String { text(top: .max) }

  /// The same with some of the lines.
  /// - Parameter top: how many lines; all if there are fewer.
  public func text(top: Int) -> String {
    var text = ["live: \(count.grouped) of \(byteCount.grouped) bytes"]
    if !domains.isEmpty {
      let rows = domains.map { domain in
        [
          "\"\(domain.name)\" (\(domain.kind))", domain.count.grouped, domain.byteCount.grouped,
          domain.oldestAge.map { Age.text(seconds: $0) } ?? "?",
        ]
      }
      text += table([["", "count", "bytes", "oldest"]] + rows)
    }
    return (text + siteLines(top: top)).joined(separator: "\n")
  }

  /// A heading, and a line for each of the sites that hold most; nothing if nothing is live.
  package func siteLines(top: Int) -> [String] {
    let all = sites()
    guard !all.isEmpty else { return [] }
    let shown = all.prefix(max(0, top))
    let rest = all.count - shown.count
    return ["live now, by line" + (rest > 0 ? " (the first \(shown.count.grouped) of \(all.count.grouped))" : "")]
      + shown.map { "  \($0.text)" }
  }
}
