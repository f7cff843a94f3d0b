// SPDX-License-Identifier: Apache-2.0

import ResourceLedger
import TestSupport
import Testing

@testable import NativeBuffers

@Suite("Unique buffers in lists and classes")
struct UniqueBufferArrayTests {
  /// Calls `body` with an arena of its own. Afterwards all of its memory is released, and only `rescues` by a deinit.
  private static func withArena(rescues: Int = 0, _ body: (Arena) throws -> Void) throws {
    let arena = try Arena(name: "list")
    try body(arena)
    #expect(arena.rescueCount == rescues)
    arena.trim()
    #expect(try arena.counts().count == 0)
    try arena.destroy()
  }

  /// A list of buffers of 1, 2, 3, … bytes, each with its number in the first one.
  private static func list(_ count: Int, _ arena: Arena) throws -> UniqueBufferArray {
    var list = UniqueBufferArray()
    for number in 0..<count {
      var buffer = try UniqueBuffer(byteCount: number + 1, arena: arena)
      var bytes = buffer.mutableSpan
      bytes[0] = UInt8(number)
      list.append(buffer)
    }
    return list
  }

  private static func number(_ buffer: borrowing UniqueBuffer) -> UInt8 { buffer.span[0] }

  private static func numbers(_ list: borrowing UniqueBufferArray) -> [UInt8] { list.indices.map { list[$0].span[0] } }

  @Test("A list that ends disposes its buffers, also by an error: nothing is rescued")
  func end() throws {
    try Self.withArena { arena in
      let list = try Self.list(100, arena)
      let (count, byteCount, numbers) = (list.count, list.byteCount, Self.numbers(list))
      #expect(count == 100 && byteCount == 5_050 && numbers == Array(0..<100))
    }
    try Self.withArena { arena in
      #expect(throws: NativeBufferError.self) {
        var list = try Self.list(3, arena)
        list.append(try UniqueBuffer(byteCount: -1, arena: arena))
      }
    }
  }

  @Test("Buffers are changed where they are, and keep their memory, entry and line when the list grows")
  func places() throws {
    try Self.withArena { arena in
      var list = UniqueBufferArray(capacity: 1)
      list.append(try UniqueBuffer(byteCount: 8, arena: arena)); let line = #line
      let address = unsafe list[0].withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
      for _ in 0..<50 { list.append(try UniqueBuffer(byteCount: 8, arena: arena)) }
      var bytes = list[0].mutableSpan
      bytes[7] = 9
      let same = unsafe list[0].withUnsafeBytes { UInt(bitPattern: $0.baseAddress) == address }
      let (seen, createdLine) = (list[0].span[7], list[0].site.line)
      #expect(same && seen == 9 && createdLine == line)
      var other = try UniqueBuffer(byteCount: 3, arena: arena)
      swap(&list[50], &other)
      let (first, second) = (list[50].byteCount, other.byteCount)
      #expect(first == 3 && second == 8)
      other.dispose()
    }
  }

  @Test("A buffer that is taken out belongs to the caller, and the others stay in their order")
  func removing() throws {
    try Self.withArena { arena in
      var list = try Self.list(6, arena)
      for (index, expected) in [(2, [0, 1, 3, 4, 5]), (0, [1, 3, 4, 5]), (3, [1, 3, 4])] as [(Int, [UInt8])] {
        list.remove(at: index).dispose()
        let numbers = Self.numbers(list)
        #expect(numbers == expected)
      }
      let last = list.removeLast()
      list.disposeAll()
      let (isEmpty, number) = (list.isEmpty, Self.number(last))
      #expect(isEmpty && number == 4)
      list.append(last)
      list.disposeAll()
      list.disposeAll()
      list.append(try UniqueBuffer(byteCount: 1, arena: arena))
      let count = list.count
      #expect(count == 1)
    }
  }

  @Test("A list keeps what is put back, in a random order of adding and removing")
  func randomOrder() throws {
    var generator = SeededGenerator(seed: 14)
    try Self.withArena { arena in
      var list = UniqueBufferArray()
      var model: [UInt8] = []
      for step in 0..<2_000 {
        switch Int.random(in: 0..<5, using: &generator) {
        case 0 where !model.isEmpty:
          let index = Int.random(in: model.indices, using: &generator)
          let buffer = list.remove(at: index)
          let number = Self.number(buffer)
          buffer.dispose()
          #expect(number == model.remove(at: index))
        case 1 where !model.isEmpty:
          let buffer = list.removeLast()
          let number = Self.number(buffer)
          buffer.dispose()
          #expect(number == model.removeLast())
        default:
          let number = UInt8(truncatingIfNeeded: step)
          list.append(try UniqueBuffer(copying: [number], arena: arena))
          model.append(number)
        }
      }
      let numbers = Self.numbers(list)
      #expect(numbers == model && !model.isEmpty)
    }
  }

  @Test("To assign over a buffer in a list is a rescue of the old one, as with a variable")
  func assignment() throws {
    try Self.withArena(rescues: 1) { arena in
      var list = try Self.list(2, arena)
      list[0] = try UniqueBuffer(byteCount: 5, arena: arena)
      let byteCount = list.byteCount
      #expect(byteCount == 7)
    }
  }

  @Test("A place that the list does not have ends the program")
  func noPlace() async {
    await #expect(processExitsWith: .failure) {
      let list = UniqueBufferArray()
      print(list[0].byteCount)
    }
    await #expect(processExitsWith: .failure) {
      var list = UniqueBufferArray()
      list.append(try UniqueBuffer(byteCount: 1))
      list.remove(at: 1).dispose()
    }
    await #expect(processExitsWith: .failure) {
      var list = UniqueBufferArray()
      list.removeLast().dispose()
    }
  }

  /// A class that keeps a buffer, and can give it up before its end.
  private final class Frame {
    private var pixels: UniqueBuffer?
    init(_ arena: Arena) throws { pixels = try UniqueBuffer(byteCount: 100, arena: arena) }
    deinit { pixels.take()?.dispose() }

    var sum: Int {
      switch pixels {
      case .none: 0
      case .some(let pixels): (0..<pixels.byteCount).reduce(0) { $0 + Int(pixels.span[$1]) }
      }
    }
    func set(_ byte: UInt8, at index: Int) {
      pixels?.access { buffer in
        var bytes = buffer.mutableSpan
        bytes[index] = byte
      }
    }
    func replace(_ arena: Arena) throws {
      let new = try UniqueBuffer(byteCount: 200, arena: arena)
      pixels.take()?.dispose()
      pixels = consume new
    }
  }

  /// A class that keeps a list needs no deinit.
  private final class Film {
    var frames = UniqueBufferArray()
  }

  private actor Pool {
    private var idle = UniqueBufferArray()
    func give(_ buffer: consuming UniqueBuffer) { idle.append(buffer) }
    func take() -> UniqueBuffer? { idle.isEmpty ? nil : idle.removeLast() }
  }

  @Test("A class disposes its buffers when it dies: nothing is rescued")
  func classes() throws {
    try Self.withArena { arena in
      for isReplaced in [false, true] {
        let frame = try Frame(arena)
        frame.set(7, at: 3)
        #expect(frame.sum == 7)
        if isReplaced { try frame.replace(arena) }
      }
      let film = Film()
      for _ in 0..<3 { film.frames.append(try UniqueBuffer(byteCount: 10, arena: arena)) }
      try film.frames[1].access { buffer in
        var numbers = try buffer.mutableSpan(of: UInt16.self)
        numbers[0] = 5
      }
      film.frames.remove(at: 0).dispose()
      #expect(film.frames[0].access { $0.span[0] } == 5)
    }
  }

  @Test("An actor's list is a pool; what is in it when the actor dies is disposed")
  func pool() async throws {
    let arena = try Arena(name: "pool")
    do {
      let pool = Pool()
      for _ in 0..<3 { await pool.give(try UniqueBuffer(byteCount: 10, arena: arena)) }
      if let buffer = await pool.take() {
        #expect(arena.rescueCount == 0)
        await pool.give(buffer)
      } else {
        Issue.record("the pool is empty")
      }
    }
    arena.trim()
    #expect(arena.rescueCount == 0)
    #expect(try arena.counts().count == 0)
    try arena.destroy()
  }

  @Test("An array of fixed size keeps optionals, and each is taken out to be disposed")
  func inlineArray() throws {
    try Self.withArena { arena in
      var buffers = try InlineArray<3, UniqueBuffer?> { _ in try UniqueBuffer(byteCount: 10, arena: arena) }
      for index in buffers.indices { buffers[index].take()?.dispose() }
    }
  }
}
