public import Synchronization

// The state word's protocol. A handle keeps a *key*: the word its life began with (state live, no pins).
// Every step below is one atomic operation on the word, and each says what it costs where it is hot.
//
//   key ──pin──► key + pins ──requestRelease──► … + releaseRequested ──last unpin──► released by it
//    └──────────requestRelease with no pin──► releaseRequested, released by the requester
//
// Exactly one caller is told to release: the requester when there is no pin, otherwise whoever ends the
// last pin. That caller ends the life with ``endLife(as:)`` when the resource is out of use.

@usableFromInline
package enum PinOutcome: Sendable {
  case pinned
  /// The handle's life is over, or its release was requested.
  case released
  /// Held exclusively (for a shared pin), or held at all (for an exclusive one).
  case conflict
  /// No room for one more shared pin in the word.
  case tooMany
}

@usableFromInline
package enum ReleaseOutcome: Sendable {
  /// The caller releases the resource, now.
  case releaseNow
  /// The end of the last pin releases it.
  case deferred
  /// Some earlier request did, or will.
  case alreadyReleased
}

extension LedgerEntry {
  /// Begins a life. The caller owns the entry: it came off a list, or was just acquired.
  /// - Returns: the key of the new life.
  @inlinable
  package func beginLife(byteCount: Int, site: SiteID, scope: UInt32) -> EntryWord {
    // The fields must not be seen with the word of the life before: see snapshot().
    atomicMemoryFence(ordering: .releasing)
    self.byteCount = byteCount
    self.site = site
    self.scope = scope
    let key = EntryWord(state: .live, generation: word.generation)
    unsafe record.pointee.word.store(key.rawValue, ordering: .releasing)
    return key
  }

  /// Ends a life. The caller was told to release, or owns the entry outright.
  /// - Returns: false where the entry has had its last life and must not be used again.
  @inlinable
  @inline(__always)
  package func endLife(as state: EntryState) -> Bool {
    let word = unsafe record.pointee.word.load(ordering: .relaxed)
    guard word < (EntryWord.lastGeneration - 1) << EntryWord.generationShift else { return endLastLife(as: state) }
    // The next generation, with no bit but the state's below it.
    let next = (word | (1 << EntryWord.generationShift - 1)) &+ (1 + state.rawValue)
    unsafe record.pointee.word.store(next, ordering: .releasing)
    return true
  }

  /// Leaves the entry in its last generation, however often it is called: such an entry is out of use already.
  @usableFromInline
  @inline(never)
  package func endLastLife(as state: EntryState) -> Bool {
    let word = EntryWord(state: state, generation: EntryWord.lastGeneration)
    unsafe record.pointee.word.store(word.rawValue, ordering: .releasing)
    return false
  }

  /// Changes the state of an entry that the caller owns and no handle does.
  @inlinable
  package func setState(_ state: EntryState) {
    let word = EntryWord(state: state, generation: word.generation)
    unsafe record.pointee.word.store(word.rawValue, ordering: .releasing)
  }

  /// Takes a shared pin. One load and one compare-and-exchange where nobody interferes.
  @inlinable
  package func pin(key: EntryWord) -> PinOutcome {
    var expected = unsafe record.pointee.word.load(ordering: .relaxed)
    while true {
      let difference = expected ^ key.rawValue
      if difference & ~EntryWord.pinMask != 0 {
        return difference & ~(EntryWord.pinMask | EntryWord.exclusiveBit) != 0 ? .released : .conflict
      }
      if expected & EntryWord.pinMask == EntryWord.pinMask { return .tooMany }
      let (exchanged, original) = unsafe record.pointee.word.weakCompareExchange(
        expected: expected, desired: expected + EntryWord.pinUnit, ordering: .acquiring)
      if exchanged { return .pinned }
      expected = original
    }
  }

  /// Ends a shared pin.
  /// - Returns: true where this was the last one of a resource whose release was requested: the caller releases.
  @inlinable
  package func unpin() -> Bool {
    let word = unsafe record.pointee.word.subtract(EntryWord.pinUnit, ordering: .acquiringAndReleasing).newValue
    return word & (EntryWord.releaseRequestedBit | EntryWord.pinMask) == EntryWord.releaseRequestedBit
  }

  /// Takes the exclusive pin: only where no other pin is held.
  @inlinable
  package func pinExclusively(key: EntryWord) -> PinOutcome {
    let (exchanged, original) = unsafe record.pointee.word.compareExchange(
      expected: key.rawValue, desired: key.rawValue | EntryWord.exclusiveBit, ordering: .acquiring)
    if exchanged { return .pinned }
    let difference = original ^ key.rawValue
    return difference & ~(EntryWord.pinMask | EntryWord.exclusiveBit) != 0 ? .released : .conflict
  }

  /// Ends the exclusive pin.
  /// - Returns: true where the release was requested meanwhile: the caller releases.
  @inlinable
  package func unpinExclusively() -> Bool {
    let word = unsafe record.pointee.word.bitwiseAnd(~EntryWord.exclusiveBit, ordering: .acquiringAndReleasing).newValue
    return word & EntryWord.releaseRequestedBit != 0
  }

  /// Asks for the release of the life that `key` began. Any number of threads may ask; one is told to act.
  @inlinable
  package func requestRelease(key: EntryWord) -> ReleaseOutcome {
    var expected = unsafe record.pointee.word.load(ordering: .relaxed)
    while true {
      if (expected ^ key.rawValue) & ~(EntryWord.pinMask | EntryWord.exclusiveBit) != 0 { return .alreadyReleased }
      let (exchanged, original) = unsafe record.pointee.word.weakCompareExchange(
        expected: expected, desired: expected | EntryWord.releaseRequestedBit, ordering: .acquiringAndReleasing)
      if exchanged {
        return expected & (EntryWord.pinMask | EntryWord.exclusiveBit) == 0 ? .releaseNow : .deferred
      }
      expected = original
    }
  }

  /// Marks an unpinned life as detached: its handle is done, the resource stays live in the books.
  @inlinable
  package func detach(key: EntryWord) -> PinOutcome {
    let (exchanged, original) = unsafe record.pointee.word.compareExchange(
      expected: key.rawValue,
      desired: key.rawValue | EntryWord.detachedBit | EntryWord.releaseRequestedBit, ordering: .acquiringAndReleasing)
    if exchanged { return .pinned }
    let difference = original ^ key.rawValue
    return difference & ~(EntryWord.pinMask | EntryWord.exclusiveBit) != 0 ? .released : .conflict
  }

  /// Whether the life that `key` began still accepts pins.
  @inlinable
  package func isUsable(key: EntryWord) -> Bool {
    (word.rawValue ^ key.rawValue) & ~(EntryWord.pinMask | EntryWord.exclusiveBit) == 0
  }
}
