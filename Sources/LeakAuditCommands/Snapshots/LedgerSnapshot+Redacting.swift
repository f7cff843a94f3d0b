// SPDX-License-Identifier: Apache-2.0

package import LedgerReading
import ResourceLedger

extension LedgerSnapshot {
  /// The snapshot without the names that its program's authors gave: files, functions, scopes, domains, the command,
  /// the host, and the file whose `malloc` the process calls. Each is replaced by a hash, so that two redacted
  /// snapshots can still be compared. The machine's boot id is left out. Numbers, also those of lines, stay.
  ///
  /// A hash does not hide a name from a person who guesses it: everyone can hash their guess and compare. A salt would
  /// prevent that, but then the hashes of two snapshots would differ, and they could not be compared.
  package var redacted: LedgerSnapshot {
    var result = self
    for index in sites.indices where sites[index].site != .unknown {
      result.sites[index].site.file = Self.hash(of: sites[index].site.file, as: "file")
      result.sites[index].site.function = Self.hash(of: sites[index].site.function, as: "function")
    }
    for index in domains.indices where domains[index].number != 0 {
      result.domains[index].name = Self.hash(of: domains[index].name, as: "domain")
    }
    for index in scopes.indices { result.scopes[index].name = Self.hash(of: scopes[index].name, as: "scope") }
    if let process {
      result.process?.command = Self.hash(of: process.command, as: "command")
      result.process?.host = Self.hash(of: process.host, as: "host")
      result.process?.bootID = nil
    }
    if let answer { result.answer?.malloc = Self.hash(of: answer.malloc, as: "file") }
    return result
  }

  /// Whether its names are hashes. The names that a program really has never look like that: a command has at most 15
  /// bytes, and a file has a slash.
  package var isRedacted: Bool {
    process.map { Self.isHash($0.command, as: "command") } ?? sites.contains { Self.isHash($0.site.file, as: "file") }
  }

  private static func isHash(_ name: String, as sort: String) -> Bool {
    let digits = name.dropFirst(sort.count + 1)
    return name.hasPrefix("\(sort)-") && digits.count == 12 && digits.allSatisfy(\.isHexDigit)
  }

  /// "file-3f2a9c0417e8": 48 bits are enough to keep a program's names apart.
  private static func hash(of name: String, as sort: String) -> String {
    let digits = SHA256.hash(name.utf8).prefix(6).map { byte in
      (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return "\(sort)-\(digits.joined())"
  }
}
