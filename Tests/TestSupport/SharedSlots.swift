// SPDX-License-Identifier: Apache-2.0

/// Slots in which threads leave objects for each other.
public final class SharedSlots<Element: Sendable>: Sendable {
  private let slots: Guarded<[Element?]>

  public init(count: Int) { slots = Guarded(Array(repeating: nil, count: count)) }

  /// Puts a value into a slot and returns what was there.
  public func exchange(_ slot: Int, _ value: Element?) -> Element? {
    slots.withLock { slots in
      let old = slots[slot]
      slots[slot] = value
      return old
    }
  }

  public func peek(_ slot: Int) -> Element? { slots.withLock { $0[slot] } }
}
