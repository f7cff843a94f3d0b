// SPDX-License-Identifier: Apache-2.0

/// A line of code that creates resources.
public struct Site: Hashable, Sendable, Codable, CustomStringConvertible, Comparable {
  /// Module and file name, as `#fileID` gives them: `Bitmaps/Decoder.swift`.
  public var file: String
  public var line: Int
  /// The function around the line, as `#function` gives it.
  public var function: String

  public init(file: String, line: Int, function: String) {
    self.file = file
    self.line = line
    self.function = function
  }

  /// Makes a site from the literals of a call.
  package init(file: StaticString, line: UInt, function: StaticString) {
    self.init(file: "\(file)", line: Int(clamping: line), function: "\(function)")
  }

  /// Stands for every line that the ledger had no room to record. There is room for 1,048,575 lines; for fewer if the
  /// process may reserve little address space, and for 4,095 at least. An audit counts the resources of such lines.
  public static let unknown = Site(file: "(unknown)", line: 0, function: "(unknown)")

  public var description: String { "\(file):\(line) in \(function)" }

  public static func < (a: Site, b: Site) -> Bool { (a.file, a.line, a.function) < (b.file, b.line, b.function) }
}

/// A site's number in its ledger. 0 is the unknown site.
@usableFromInline
package struct SiteID: Hashable, Sendable {
  @usableFromInline package let rawValue: UInt32
  @inlinable package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Stands for lines for which there was no room.
  @inlinable package static var unknown: SiteID { SiteID(rawValue: 0) }
}
