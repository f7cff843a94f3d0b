// SPDX-License-Identifier: Apache-2.0

import NativeSynchronization
import Synchronization

/// The right to a domain's number. Its owner books resources under the number, and gives it back once.
///
/// If an owner goes away without giving the number back, the number stays in use, because entries may carry it.
package final class OwnedDomain: Sendable {
  package let id: DomainID
  private let ledger: Ledger

  fileprivate init(_ id: DomainID, of ledger: Ledger) {
    self.id = id
    self.ledger = ledger
  }

  /// Gives the number back. Only the first call has an effect, whichever thread makes it.
  ///
  /// If a client added the domain, entries may still carry the number: another domain gets it when no entry carries it
  /// any more. The owner of any other domain must have made sure before that no entry carries the number.
  package func giveBack() { ledger.giveBack(id) }
}

extension Ledger {
  private typealias Field = LedgerLayout.DomainField
  private static let reservedDomains = 16

  /// The kind and the turn of a domain record, in one word so that they are read together.
  private struct DomainState {
    var kind: DomainKind
    var turn: UInt32

    init(_ word: UInt64) {
      kind = DomainKind(rawValue: UInt32(truncatingIfNeeded: word))
      turn = UInt32(truncatingIfNeeded: word >> 32)
    }
    init(_ kind: DomainKind, turn: UInt32) {
      self.kind = kind
      self.turn = turn
    }

    var word: UInt64 { UInt64(kind.rawValue) | UInt64(turn) << 32 }
    var isInUse: Bool { turn & 1 == 1 }
  }

  private func record(of number: UInt16) -> Int {
    layout.domains.offset + Int(number) * LedgerLayout.Kind.domains.recordSize
  }

  private func state(of number: UInt16) -> DomainState {
    DomainState(unsafe atomic64(at: record(of: number) + Field.kindAndTurn).pointee.load(ordering: .acquiring))
  }

  /// The caller holds `interning`.
  private func setState(_ state: DomainState, of number: UInt16) {
    unsafe atomic64(at: record(of: number) + Field.kindAndTurn).pointee.store(state.word, ordering: .releasing)
  }

  // MARK: Giving out and taking back

  /// Adds a domain and gives it a number. Of a name longer than 56 bytes of UTF-8, keeps the Unicode scalars that fit.
  /// - Parameter isOneOfMany: whether the domain may not have the last 16 records. They are kept for domains of which a
  ///   process has one and which it may add late, such as native resources and adopted memory.
  /// - Throws: ``LedgerError`` if all domain records are in use, or if the kernel gives no memory for more.
  package func addDomain(
    _ kind: DomainKind, name: String, isOneOfMany: Bool = false
  ) throws(LedgerError) -> OwnedDomain {
    interning.lock()
    defer { interning.unlock() }
    guard let number = takeNumber(isClients: kind.isOfClients, isOneOfMany: isOneOfMany) else {
      throw LedgerError(.tooManyDomains(capacity: LedgerLayout.domainCapacity))
    }
    let end = record(of: number) + LedgerLayout.Kind.domains.recordSize
    if let errno = region.grow(layout.domains, upTo: end) {
      throw LedgerError(.growthFailed(entryCount: entryCount, errno: errno))
    }
    setName(name, of: number)
    clearCounts(of: number)
    let turn = state(of: number).turn + 1
    setState(DomainState(kind, turn: turn), of: number)
    if Int(number) == domainCount {
      unsafe count(of: .domains).pointee.store(UInt64(number) + 1, ordering: .releasing)
    }
    return OwnedDomain(DomainID(number: DomainNumber(rawValue: number), turn: turn), of: self)
  }

  /// A number that no entry carries; nil if there is none. The caller holds `interning`.
  private func takeNumber(isClients: Bool, isOneOfMany: Bool) -> UInt16? {
    if isClients, spareNumbers.ofClients.isEmpty, spareNumbers.carried.count >= spareNumbers.firstLook { look() }
    if let number = isClients ? spareNumbers.ofClients.popLast() : spareNumbers.ofLibrary.popLast() { return number }
    let limit = LedgerLayout.domainCapacity - (isOneOfMany ? Self.reservedDomains : 0)
    if domainCount < limit { return UInt16(domainCount) }
    if spareNumbers.ofClients.isEmpty, spareNumbers.ofLibrary.isEmpty { look() }
    return spareNumbers.ofClients.popLast() ?? spareNumbers.ofLibrary.popLast()
  }

  /// Finds out which of the clients' numbers that were given back are carried by no entry any more. The caller holds
  /// `interning`.
  /// Cost: 64 bytes of memory read per entry ever in use at the same time. This is done once for 64 numbers or more,
  /// unless all records are in use.
  private func look() {
    guard !spareNumbers.carried.isEmpty else { return }
    let candidates = Set(spareNumbers.carried)
    var carried: Set<UInt16> = []
    for index in 0..<entryCount {
      let entry = entry(at: index)
      guard entry.word.state != .free else { continue }
      let number = entry.classification.domain.rawValue
      if candidates.contains(number) { carried.insert(number) }
    }
    for number in candidates where !carried.contains(number) {
      setState(DomainState(DomainKind(rawValue: 0), turn: state(of: number).turn), of: number)
      spareNumbers.ofClients.append(number)
    }
    spareNumbers.carried = Array(carried)
    spareNumbers.firstLook = max(SpareDomainNumbers.shortestLook, 2 * carried.count)
  }

  fileprivate func giveBack(_ id: DomainID) {
    interning.withLock {
      var state = state(of: id.rawValue)
      // If the turn is another one, the number was given back before, and may be another domain's by now.
      guard state.turn == id.turn else { return }
      let isClients = state.kind.isOfClients
      state.turn += 1
      // A client's domain keeps its kind and name, for reports of resources that are still live.
      if !isClients { state.kind = DomainKind(rawValue: 0) }
      setState(state, of: id.rawValue)
      // A thread that creates a resource first stores its entry and then looks at the state: see `kind(of:)`.
      atomicMemoryFence(ordering: .sequentiallyConsistent)
      // A number whose turns are used up is never used again: an old identifier would be valid again after an overflow.
      guard state.turn < .max - 1 else { return }
      if isClients { spareNumbers.carried.append(id.rawValue) } else { spareNumbers.ofLibrary.append(id.rawValue) }
    }
  }

  // MARK: Counts

  /// The field of a domain's record at an offset that ``LedgerLayout/DomainField`` names.
  package func domainField64(_ field: Int, of id: DomainID) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe atomic64(at: record(of: id.rawValue) + field)
  }
  /// The same for a field of 4 bytes.
  package func domainField32(_ field: Int, of id: DomainID) -> UnsafeMutablePointer<Atomic<UInt32>> {
    unsafe atomic32(at: record(of: id.rawValue) + field)
  }

  /// Records what a domain has just counted, for readers that are other processes.
  package func recordCensus(_ census: Census, of id: DomainID) {
    interning.lock()
    defer { interning.unlock() }
    guard kind(of: id) != nil else { return }
    refreshClock()
    let sequence = unsafe domainField32(Field.censusSequence, of: id)
    let before = unsafe sequence.pointee.load(ordering: .relaxed)
    unsafe sequence.pointee.store(before | 1, ordering: .relaxed)
    atomicMemoryFence(ordering: .releasing)
    unsafe domainField32(Field.censusSecond, of: id).pointee.store(second, ordering: .relaxed)
    unsafe domainField64(Field.censusCount, of: id).pointee.store(UInt64(clamping: census.count), ordering: .relaxed)
    unsafe domainField64(Field.censusBytes, of: id).pointee
      .store(UInt64(clamping: census.byteCount), ordering: .relaxed)
    unsafe sequence.pointee.store((before | 1) &+ 1, ordering: .releasing)
  }

  /// The lives that ended, and the rescues, as the records of all domains count them, and of domains whose records are
  /// other domains' by now. Takes no lock; a record that is just given to another domain may count twice or not.
  var countsOfDomains: (endedLives: Int, rescued: Int) {
    var ended = pastEndedLives.load(ordering: .relaxed)
    var rescued = pastRescues.load(ordering: .relaxed)
    for number in 1..<max(1, domainCount) {
      let record = record(of: UInt16(number))
      ended &+= unsafe atomic64(at: record + Field.endedLives).pointee.load(ordering: .relaxed)
      rescued &+= unsafe atomic64(at: record + Field.rescuedCount).pointee.load(ordering: .relaxed)
    }
    return (Int(clamping: ended), Int(clamping: rescued))
  }

  /// Clears what the last domain with this number counted. The caller holds `interning`.
  private func clearCounts(of number: UInt16) {
    let record = record(of: number)
    pastEndedLives.wrappingAdd(
      unsafe atomic64(at: record + Field.endedLives).pointee.load(ordering: .relaxed), ordering: .relaxed)
    pastRescues.wrappingAdd(
      unsafe atomic64(at: record + Field.rescuedCount).pointee.load(ordering: .relaxed), ordering: .relaxed)
    for field in stride(from: Field.censusSequence, to: LedgerLayout.Kind.domains.recordSize, by: 8) {
      unsafe atomic64(at: record + field).pointee.store(0, ordering: .relaxed)
    }
  }

  // MARK: Reading

  /// The number of domain records ever used, record 0 ("no domain") included.
  package var domainCount: Int {
    Int(unsafe count(of: .domains).pointee.load(ordering: .acquiring))
  }

  /// The kind of a domain; nil if the domain has given its number back.
  ///
  /// A thread that has stored an entry with the number must pass a sequentially consistent fence before it calls this.
  /// Then it either gets nil, or its entry is seen by every thread that looks whether the number is still carried.
  package func kind(of id: DomainID) -> DomainKind? {
    let state = state(of: id.rawValue)
    return state.isInUse && state.turn == id.turn ? state.kind : nil
  }

  /// The kind of the domain that has a number, or of the client's domain that had it last; raw value 0 if there is
  /// neither.
  package func domainKind(_ number: DomainNumber) -> DomainKind {
    guard Int(number.rawValue) < domainCount else { return DomainKind(rawValue: 0) }
    return state(of: number.rawValue).kind
  }

  /// The name of the domain that has a number, or had it last.
  package func domainName(_ number: DomainNumber) -> String {
    guard Int(number.rawValue) < domainCount else { return "" }
    let words = nameOffsets(of: number.rawValue).map { unsafe atomic64(at: $0).pointee.load(ordering: .relaxed) }
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private func nameOffsets(of number: UInt16) -> [Int] {
    stride(from: 0, to: Field.nameLength, by: 8).map { record(of: number) + Field.name + $0 }
  }

  /// Stores whole words, because another thread may be reading the name of the number's last domain.
  private func setName(_ name: String, of number: UInt16) {
    let text = Array(name.utf8)
    // Not inside a scalar: that would be read as a replacement character.
    var end = min(text.count, Field.nameLength)
    while end > 0, end < text.count, text[end] & 0xC0 == 0x80 { end -= 1 }
    var bytes = Array(text[..<end])
    bytes += Array(repeating: 0, count: Field.nameLength - bytes.count)
    for (index, offset) in nameOffsets(of: number).enumerated() {
      let word = bytes[index * 8..<index * 8 + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      unsafe atomic64(at: offset).pointee.store(word, ordering: .relaxed)
    }
  }
}
