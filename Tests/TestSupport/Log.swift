// SPDX-License-Identifier: Apache-2.0

/// A list to which threads add what they saw.
public final class Log<Element: Sendable>: Sendable {
  private let entries = Guarded<[Element]>([])

  public init() {}

  public func add(_ element: Element) { entries.withLock { $0.append(element) } }
  public var all: [Element] { entries.withLock { $0 } }
  public var count: Int { entries.withLock { $0.count } }
}
