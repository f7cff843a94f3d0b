import NativeSynchronization
import Synchronization

/// The right to a domain's number. Its owner books resources under the number, and gives it back once.
///
/// What goes away without giving it back leaves the number in use: entries may carry it.
package final class OwnedDomain: Sendable {
  package let id: DomainID
  private let ledger: Ledger

  fileprivate init(_ id: DomainID, of ledger: Ledger) {
    self.id = id
    self.ledger = ledger
  }

  /// Gives the number back. Only the first call has an effect, on whatever thread.
  ///
  /// Where the domain was a client's, entries may still carry the number: another domain gets it when none does. The
  /// owner of any other domain saw to it that none does.
  package func giveBack() { ledger.giveBack(id) }
}

/// Domains' numbers that were used and are not.
struct SpareDomainNumbers {
  /// That no entry carries, of arenas, registries and the like.
  var ofLibrary: [UInt16] = []
  /// That no entry carries, of clients' domains. Kept apart: a thread that creates a resource in a domain while another
  /// thread removes it has the number in an entry for a moment, and finds out only then.
  var ofClients: [UInt16] = []
  /// Of clients' domains. Resources that were not released may carry them.
  var carried: [UInt16] = []
  /// Length of `carried` from which it is worth looking which are free.
  var firstLook = Self.shortestLook

  static let shortestLook = 64
}

extension Ledger {
  private static let recordState = 0
  private static let recordName = 8
  private static let reservedDomains = 16
  private static var nameCapacity: Int { LedgerLayout.recordSize - recordName }

  /// A domain record's kind and turn: one word, so that they are read together.
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
    LedgerLayout.domainsOffset + Int(number) * LedgerLayout.recordSize
  }

  private func state(of number: UInt16) -> DomainState {
    DomainState(unsafe atomic64(at: record(of: number) + Self.recordState).pointee.load(ordering: .acquiring))
  }

  /// Under `interning`.
  private func setState(_ state: DomainState, of number: UInt16) {
    unsafe atomic64(at: record(of: number) + Self.recordState).pointee.store(state.word, ordering: .releasing)
  }

  // MARK: Giving out and taking back

  /// Names a kind of resource. A name longer than 56 bytes of UTF-8 is cut.
  /// - Parameter isOneOfMany: whether the last records are not for it: they are for what a process has one of, and
  ///   notices late, as native resources and adopted memory.
  package func addDomain(
    _ kind: DomainKind, name: String, isOneOfMany: Bool = false
  ) throws(LedgerError) -> OwnedDomain {
    interning.lock()
    defer { interning.unlock() }
    guard let number = takeNumber(isClients: kind.isOfClients, isOneOfMany: isOneOfMany) else {
      throw LedgerError(.tooManyDomains(capacity: LedgerLayout.domainCapacity))
    }
    setName(name, of: number)
    let turn = state(of: number).turn + 1
    setState(DomainState(kind, turn: turn), of: number)
    if Int(number) == domainCount {
      unsafe atomic32(at: LedgerLayout.domainCountOffset).pointee.store(UInt32(number) + 1, ordering: .releasing)
    }
    return OwnedDomain(DomainID(number: DomainNumber(rawValue: number), turn: turn), of: self)
  }

  /// Under `interning`.
  private func takeNumber(isClients: Bool, isOneOfMany: Bool) -> UInt16? {
    if isClients, spareNumbers.ofClients.isEmpty, spareNumbers.carried.count >= spareNumbers.firstLook { look() }
    if let number = isClients ? spareNumbers.ofClients.popLast() : spareNumbers.ofLibrary.popLast() { return number }
    let limit = LedgerLayout.domainCapacity - (isOneOfMany ? Self.reservedDomains : 0)
    if domainCount < limit { return UInt16(domainCount) }
    if spareNumbers.ofClients.isEmpty, spareNumbers.ofLibrary.isEmpty { look() }
    return spareNumbers.ofClients.popLast() ?? spareNumbers.ofLibrary.popLast()
  }

  /// Finds out which numbers that were given back are carried by no entry any more. Under `interning`.
  /// Cost: 64 bytes of memory read per entry ever in use at the same time; done once for 64 numbers or more.
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
      // Another turn: the number was given back, and may be another domain's.
      guard state.turn == id.turn else { return }
      let isClients = state.kind.isOfClients
      state.turn += 1
      // A client's keeps its kind and name for reports of what is still live.
      if !isClients { state.kind = DomainKind(rawValue: 0) }
      setState(state, of: id.rawValue)
      // Whoever creates a resource stores its entry and then looks at the state: see `kind(of:)`.
      atomicMemoryFence(ordering: .sequentiallyConsistent)
      // A number that had its last turn is out of use: an identifier of long ago would be right again.
      guard state.turn < .max - 1 else { return }
      if isClients { spareNumbers.carried.append(id.rawValue) } else { spareNumbers.ofLibrary.append(id.rawValue) }
    }
  }

  // MARK: Reading

  /// Domain records ever used, record 0 ("no domain") included.
  public var domainCount: Int {
    Int(unsafe atomic32(at: LedgerLayout.domainCountOffset).pointee.load(ordering: .acquiring))
  }

  /// The kind of a domain, nil where it has given its number back.
  ///
  /// Whoever stored an entry with the number, and calls this behind a fence with sequentially consistent order, either
  /// gets nil here, or is seen by all who look whether the number is carried.
  package func kind(of id: DomainID) -> DomainKind? {
    let state = state(of: id.rawValue)
    return state.isInUse && state.turn == id.turn ? state.kind : nil
  }

  /// The kind of the domain that has a number, or of a client's that had it last; raw value 0 where there is none.
  public func domainKind(_ number: DomainNumber) -> DomainKind {
    guard Int(number.rawValue) < domainCount else { return DomainKind(rawValue: 0) }
    return state(of: number.rawValue).kind
  }

  /// The name of the domain that has a number, or had it last.
  public func domainName(_ number: DomainNumber) -> String {
    guard Int(number.rawValue) < domainCount else { return "" }
    let words = nameOffsets(of: number.rawValue).map { unsafe atomic64(at: $0).pointee.load(ordering: .relaxed) }
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) } }
    return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private func nameOffsets(of number: UInt16) -> [Int] {
    stride(from: 0, to: Self.nameCapacity, by: 8).map { record(of: number) + Self.recordName + $0 }
  }

  /// By whole words: the name of a number's last domain may be read at this moment.
  private func setName(_ name: String, of number: UInt16) {
    var bytes = Array(name.utf8.prefix(Self.nameCapacity))
    bytes += Array(repeating: 0, count: Self.nameCapacity - bytes.count)
    for (index, offset) in nameOffsets(of: number).enumerated() {
      let word = bytes[index * 8..<index * 8 + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
      unsafe atomic64(at: offset).pointee.store(word, ordering: .relaxed)
    }
  }
}
