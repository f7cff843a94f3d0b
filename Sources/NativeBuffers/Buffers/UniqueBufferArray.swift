// SPDX-License-Identifier: Apache-2.0

/// Unique buffers in a list that grows.
///
///     var frames = UniqueBufferArray()
///     for _ in 0..<3 { frames.append(try UniqueBuffer(byteCount: 4_096)) }
///     var bytes = frames[0].mutableSpan
///     bytes[0] = 0xFF
///     frames.removeLast().dispose()
///     frames.disposeAll()
///
/// Swift's arrays hold only values that can be copied. This list owns its buffers; it has one owner itself, and spans
/// of its buffers cannot outlive its next change. What it has at its end, it disposes: that is no rescue, and so a
/// class that keeps a list needs no deinit for it. (`UniqueArray` of swift-collections can hold unique buffers, too,
/// but what it has at its end is left to each buffer's deinit, and is rescued.)
///
/// As with an array, a place that the list does not have ends the program.
// SAFETY: there is one owner; the buffers are reached only by its functions.
@safe public struct UniqueBufferArray: ~Copyable, @unchecked Sendable {
  private var memory = unsafe UnsafeMutableBufferPointer<UniqueBuffer>(start: nil, count: 0)
  /// The number of buffers.
  public private(set) var count = 0

  /// Creates an empty list.
  /// - Parameter capacity: how many buffers it has room for at first. More room is made when it is needed.
  public init(capacity: Int = 0) {
    precondition(capacity >= 0, "A list has no room for \(capacity) buffers.")
    grow(to: capacity)
  }

  deinit {
    unsafe Self.dispose(memory, count: count)
    unsafe memory.deallocate()
  }

  public var isEmpty: Bool { count == 0 }

  /// The places of the buffers, from 0 on.
  public var indices: Range<Int> { 0..<count }

  /// The bytes of all buffers together, as they were asked for.
  /// - Complexity: O(``count``).
  public var byteCount: Int { indices.reduce(0) { unsafe $0 + memory[$1].byteCount } }

  /// The buffer at a place, to be used where it is. Only ``remove(at:)`` and ``removeLast()`` take it out.
  ///
  /// If the list is a property of a class, ``UniqueBuffer/access(_:)`` calls a closure with the buffer. To assign
  /// another buffer to the place is a rescue of the buffer that was there, as with a variable; `swap` exchanges them
  /// instead.
  public subscript(index: Int) -> UniqueBuffer {
    _read {
      check(index)
      yield unsafe memory[index]
    }
    _modify {
      check(index)
      yield unsafe &memory[index]
    }
  }

  /// Adds a buffer at the end. The list owns it from now on.
  /// - Complexity: O(1), on average over many calls.
  public mutating func append(_ buffer: consuming UniqueBuffer) {
    if unsafe count == memory.count { grow(to: max(4, 2 * count)) }
    unsafe memory.initializeElement(at: count, to: buffer)
    count += 1
  }

  /// Takes the last buffer out. The caller owns it then. If the list is empty, the program ends.
  public mutating func removeLast() -> UniqueBuffer {
    precondition(count > 0, "The list of buffers is empty.")
    count -= 1
    return unsafe memory.moveElement(from: count)
  }

  /// Takes a buffer out. The caller owns it then. The buffers behind it move up, in their order.
  /// - Complexity: O(``count``). The buffers' bytes do not move.
  public mutating func remove(at index: Int) -> UniqueBuffer {
    check(index)
    let buffer = unsafe memory.moveElement(from: index)
    let rest = unsafe memory.extracting(index + 1..<count)
    _ = unsafe memory.extracting(index..<count - 1).moveInitialize(fromContentsOf: rest)
    count -= 1
    return buffer
  }

  /// Disposes all buffers. The list is empty then, and can be used again.
  /// - Complexity: O(``count``).
  public mutating func disposeAll() {
    let disposed = count
    count = 0
    unsafe Self.dispose(memory, count: disposed)
  }

  private static func dispose(_ buffers: UnsafeMutableBufferPointer<UniqueBuffer>, count: Int) {
    for index in 0..<count { unsafe buffers.moveElement(from: index).dispose() }
  }

  private func check(_ index: Int) {
    precondition(indices.contains(index), "There is no buffer at \(index): the list has \(count).")
  }

  private mutating func grow(to capacity: Int) {
    guard capacity > 0 else { return }
    let larger = UnsafeMutableBufferPointer<UniqueBuffer>.allocate(capacity: capacity)
    _ = unsafe larger.moveInitialize(fromContentsOf: memory.extracting(0..<count))
    unsafe memory.deallocate()
    unsafe memory = larger
  }
}
