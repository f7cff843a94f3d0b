// SPDX-License-Identifier: Apache-2.0

public import CNativeRuntime
public import Synchronization

// The state word's protocol. A handle keeps a *key*: the word with which its life began (state live, no pins). Every
// step below is one atomic operation on the word. A step that is on a hot path says what it costs.
//
//   key ──pin──► key + pins ──requestRelease──► … + releaseRequested ──last unpin──► released by it
//    └──────────requestRelease with no pin──► releaseRequested, released by the requester
//
// A cache's mark (bit 2) comes and goes beside all of this: no step waits for it, or fails because of it.
//
// Exactly one caller is told to release: the requester if there is no pin, otherwise the caller that ends the last pin.
// That caller calls ``endLife(as:)`` when the resource is out of use.

@usableFromInline
package enum PinOutcome: Sendable {
  case pinned
  /// The handle's life is over, or its release was requested.
  case released
  /// For a shared pin: the exclusive pin is held. For the exclusive pin: any pin is held.
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
  /// An earlier request released the resource, or will release it.
  case alreadyReleased
}

extension LedgerEntry {
  /// Begins a life. The caller owns the entry: it popped the entry from a list, or just acquired it.
  /// - Returns: the key of the new life.
  @inlinable
  package func beginLife(byteCount: Int, site: SiteID, scope: CreationScope) -> EntryWord {
    // The fields must not be seen together with the word of the life before: see snapshot().
    atomicMemoryFence(ordering: .releasing)
    self.byteCount = byteCount
    self.site = site
    self.scope = scope
    birth = cnativeruntime_second()
    let key = EntryWord(state: .live, generation: word.generation)
    unsafe record.pointee.word.store(key.rawValue, ordering: .releasing)
    return key
  }

  /// Ends a life. The caller was told to release, or is the entry's only owner.
  /// - Returns: false if the entry has had its last life and must not be used again.
  @inlinable
  @inline(__always)
  package func endLife(as state: EntryState) -> Bool {
    let word = unsafe record.pointee.word.load(ordering: .relaxed)
    guard word < (EntryWord.lastGeneration - 1) << EntryWord.generationShift else { return endLastLife(as: state) }
    // The next generation; of the bits below it, only those of the state are set.
    let next = (word | (1 << EntryWord.generationShift - 1)) &+ (1 + state.rawValue)
    unsafe record.pointee.word.store(next, ordering: .releasing)
    return true
  }

  /// Puts the entry into its last generation, however often this is called: such an entry is out of use already.
  @usableFromInline
  @inline(never)
  package func endLastLife(as state: EntryState) -> Bool {
    let word = EntryWord(state: state, generation: EntryWord.lastGeneration)
    unsafe record.pointee.word.store(word.rawValue, ordering: .releasing)
    return false
  }

  /// Changes the state of an entry that the caller owns and no handle owns.
  @inlinable
  package func setState(_ state: EntryState) {
    let word = EntryWord(state: state, generation: word.generation)
    unsafe record.pointee.word.store(word.rawValue, ordering: .releasing)
  }

  /// Takes a shared pin. Costs one load and one compare-and-exchange if no other thread changes the word meanwhile.
  @inlinable
  package func pin(key: EntryWord) -> PinOutcome {
    var expected = unsafe record.pointee.word.load(ordering: .relaxed)
    while true {
      let difference = expected ^ key.rawValue
      if difference & ~(EntryWord.pinMask | EntryWord.heldByCacheBit) != 0 {
        return difference & EntryWord.keyMask != 0 ? .released : .conflict
      }
      if expected & EntryWord.pinMask == EntryWord.pinMask { return .tooMany }
      let (exchanged, original) = unsafe record.pointee.word.weakCompareExchange(
        expected: expected, desired: expected + EntryWord.pinUnit, ordering: .acquiring)
      if exchanged { return .pinned }
      expected = original
    }
  }

  /// Ends a shared pin.
  /// - Returns: true if this was the last pin of a resource whose release was requested: the caller must release it.
  @inlinable
  package func unpin() -> Bool {
    let word = unsafe record.pointee.word.subtract(EntryWord.pinUnit, ordering: .acquiringAndReleasing).newValue
    return word & (EntryWord.releaseRequestedBit | EntryWord.pinMask) == EntryWord.releaseRequestedBit
  }

  /// Takes the exclusive pin, if no pin is held.
  @inlinable
  package func pinExclusively(key: EntryWord) -> PinOutcome {
    var expected = key.rawValue
    while true {
      let (exchanged, original) = unsafe record.pointee.word.compareExchange(
        expected: expected, desired: expected | EntryWord.exclusiveBit, ordering: .acquiring)
      if exchanged { return .pinned }
      let difference = original ^ key.rawValue
      if difference & ~EntryWord.heldByCacheBit != 0 {
        return difference & EntryWord.keyMask != 0 ? .released : .conflict
      }
      expected = original
    }
  }

  /// Ends the exclusive pin.
  /// - Returns: true if the release was requested meanwhile: the caller must release the resource.
  @inlinable
  package func unpinExclusively() -> Bool {
    let word = unsafe record.pointee.word.bitwiseAnd(~EntryWord.exclusiveBit, ordering: .acquiringAndReleasing).newValue
    return word & EntryWord.releaseRequestedBit != 0
  }

  /// Requests the release of the life that `key` began. Any number of threads may request it; only one is told to
  /// release.
  @inlinable
  package func requestRelease(key: EntryWord) -> ReleaseOutcome {
    var expected = unsafe record.pointee.word.load(ordering: .relaxed)
    while true {
      if (expected ^ key.rawValue) & EntryWord.keyMask != 0 { return .alreadyReleased }
      let (exchanged, original) = unsafe record.pointee.word.weakCompareExchange(
        expected: expected, desired: expected | EntryWord.releaseRequestedBit, ordering: .acquiringAndReleasing)
      if exchanged {
        return expected & (EntryWord.pinMask | EntryWord.exclusiveBit) == 0 ? .releaseNow : .deferred
      }
      expected = original
    }
  }

  /// Marks a life without pins as detached: its handle is out of use, and the resource stays live in the books.
  @inlinable
  package func detach(key: EntryWord) -> PinOutcome {
    var expected = key.rawValue
    while true {
      let (exchanged, original) = unsafe record.pointee.word.compareExchange(
        expected: expected, desired: key.rawValue | EntryWord.detachedBit | EntryWord.releaseRequestedBit,
        ordering: .acquiringAndReleasing)
      if exchanged { return .pinned }
      let difference = original ^ key.rawValue
      if difference & ~EntryWord.heldByCacheBit != 0 {
        return difference & EntryWord.keyMask != 0 ? .released : .conflict
      }
      expected = original
    }
  }

  /// Whether the life that `key` began still accepts pins.
  @inlinable
  package func isUsable(key: EntryWord) -> Bool { (word.rawValue ^ key.rawValue) & EntryWord.keyMask == 0 }

  /// Marks the life that `key` began as held by a cache, or ends the mark. Has no effect after the end of the life, or
  /// if the resource was detached.
  package func setHeldByCache(_ isHeld: Bool, key: EntryWord) {
    var expected = unsafe record.pointee.word.load(ordering: .relaxed)
    while true {
      // A pin may keep a life whose release was requested: it has the mark, or loses it, like any other.
      if (expected ^ key.rawValue) & EntryWord.keyMask & ~EntryWord.releaseRequestedBit != 0 { return }
      let marked = isHeld ? expected | EntryWord.heldByCacheBit : expected & ~EntryWord.heldByCacheBit
      if marked == expected { return }
      let (exchanged, original) = unsafe record.pointee.word.weakCompareExchange(
        expected: expected, desired: marked, ordering: .relaxed)
      if exchanged { return }
      expected = original
    }
  }
}
