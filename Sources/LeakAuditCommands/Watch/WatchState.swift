// SPDX-License-Identifier: Apache-2.0

/// What the person at the keyboard has chosen.
struct WatchState: Equatable {
  enum Order: String, CaseIterable {
    case bytes, growth, count, age

    var next: Order {
      let all = Self.allCases
      return all[((all.firstIndex(of: self) ?? 0) + 1) % all.count]
    }
  }

  /// What a key asks for, beyond the state.
  enum Action: Equatable {
    case quit
    case writeSnapshot
  }

  private(set) var order = Order.bytes
  /// Only lines of code in which this is found are shown.
  private(set) var filter = ""
  private(set) var isTypingFilter = false
  /// The figures stay as they are.
  private(set) var isFrozen = false
  private(set) var isShowingHelp = false
  /// The first row that is shown.
  private(set) var firstRow = 0
  /// What happened last, until the next key.
  var message: String?

  /// Changes the state by a key.
  /// - Parameter pageRows: rows of the table on the screen.
  mutating func press(_ key: Terminal.Key, pageRows: Int) -> Action? {
    message = nil
    if isTypingFilter {
      type(key)
      return nil
    }
    switch key {
    case .character("q"): return .quit
    case .character("w"): return .writeSnapshot
    case .character("s"):
      order = order.next
      firstRow = 0
    case .character("/"):
      isTypingFilter = true
      firstRow = 0
    case .character("f"), .character(" "): isFrozen.toggle()
    case .character("h"), .character("?"): isShowingHelp.toggle()
    case .escape:
      isShowingHelp = false
      filter = ""
    case .up: firstRow = max(0, firstRow - 1)
    case .down: firstRow += 1
    case .pageUp: firstRow = max(0, firstRow - pageRows)
    case .pageDown: firstRow += pageRows
    default: isShowingHelp = false
    }
    return nil
  }

  private mutating func type(_ key: Terminal.Key) {
    switch key {
    case .enter: isTypingFilter = false
    case .escape:
      isTypingFilter = false
      filter = ""
    case .backspace: filter = String(filter.dropLast())
    case .character(let character): filter.append(character)
    case .up, .down, .pageUp, .pageDown: break
    }
  }

  /// Sees to it that the last page is full.
  mutating func clampFirstRow(rowCount: Int, pageRows: Int) {
    firstRow = min(firstRow, max(0, rowCount - pageRows))
  }
}
