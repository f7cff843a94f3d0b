/* The state word of a ledger entry (LedgerEntry+Ownership.swift). Two threads hold the same handle. Each of them does
 * two of these: pin, pin exclusively, dispose, detach. A third thread still has the handle of an earlier life. A fourth
 * one marks the resource as held by a cache, and ends the mark.
 *
 * Checked over all interleavings:
 * - The resource is released at most once per life, and never while it is pinned or after it was detached.
 * - A thread that is told to release the resource finds that it still exists.
 * - Several readers may have pins at the same time; a writer is alone.
 * - At the end no pin is left, and a requested release has happened.
 * - A mark changes nothing of this. It is never on a later life, and at the end it is gone.
 *
 * One step of the model is one atomic operation of the code. A load, and the exchange that follows it, are two steps.
 * With -DFORGET_PINS, a request releases the resource even if it is pinned, and the check must fail.
 *
 * All threads see the steps in one order here. Whether the code's orderings also publish what the resource contains is
 * tested by MemoryOrderTests under ThreadSanitizer.
 *
 * all atomics: LedgerEntry+Ownership.swift
 */
#define LIVE 1
#define REQUESTED 2
#define EXCLUSIVE 4
#define DETACHED 8
#define PIN 16
#define PINS (3 * PIN)
#define HELD 64
#define LIFE 128

int word = LIFE + LIVE;   /* life 1; life 0 is over */
byte releases = 0;        /* the number of releases in life 1 */
bool exists = true;       /* whether the memory of life 1 exists */
byte readers = 0;
byte writers = 0;

inline exchange(expected, desired, done) {
  atomic { done = (word == expected); if :: done -> word = desired :: else fi }
}

inline releaseResource() {
  assert(exists && readers == 0 && writers == 0);
  exists = false;
  releases++;
  /* The life ends, and the next owner begins life 2 in the same entry. Only the owner stores here, without a look at
   * what the word was.
   *
   * code: LedgerEntry+Ownership.swift: let word = unsafe record.pointee.word.load(ordering: .relaxed)
   *   guard word < (EntryWord.lastGeneration - 1) << EntryWord.generationShift
   * code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.store(next, ordering: .releasing)
   * code: LedgerEntry+Ownership.swift: let key = EntryWord(state: .live, generation: word.generation)
   *   unsafe record.pointee.word.store(key.rawValue, ordering: .releasing)
   *
   * An entry in its last generation is not used again, and an entry without a handle only changes its state.
   *
   * code: LedgerEntry+Ownership.swift: let word = EntryWord(state: state, generation: EntryWord.lastGeneration)
   *   unsafe record.pointee.word.store(word.rawValue, ordering: .releasing)
   * code: LedgerEntry+Ownership.swift: let word = EntryWord(state: state, generation: word.generation)
   *   unsafe record.pointee.word.store(word.rawValue, ordering: .releasing)
   */
  word = 2 * LIFE + LIVE
}

proctype holder(int key; byte limit) {
  int seen, before;
  bool done;
  byte steps = 0;
  do
  :: steps == limit -> break
  :: steps < limit ->
    steps++;
    if
    :: /* pin, read, unpin */
       done = false;
       do
       :: done -> break
       :: !done ->
          /* code: LedgerEntry+Ownership.swift: func pin(key: EntryWord) -> PinOutcome {
           *   var expected = unsafe record.pointee.word.load(ordering: .relaxed)
           */
          seen = word;
          if
          /* code: LedgerEntry+Ownership.swift: if difference & ~(EntryWord.pinMask | EntryWord.heldByCacheBit) != 0 {
           * code: LedgerEntry+Ownership.swift: if expected & EntryWord.pinMask == EntryWord.pinMask { return .tooMany }
           */
          :: (seen & ~(PINS | HELD)) != key || (seen & PINS) == PINS -> break
          /* code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.weakCompareExchange(
           *   expected: expected, desired: expected + EntryWord.pinUnit, ordering: .acquiring)
           */
          :: else -> exchange(seen, seen + PIN, done)
          fi
       od;
       if
       :: done ->
          readers++;
          assert(exists && key == LIFE + LIVE && writers == 0);
          readers--;
          /* code: LedgerEntry+Ownership.swift:
           *   unsafe record.pointee.word.subtract(EntryWord.pinUnit, ordering: .acquiringAndReleasing).newValue
           */
          atomic { word = word - PIN; seen = word };
          /* code: LedgerEntry+Ownership.swift:
           *   word & (EntryWord.releaseRequestedBit | EntryWord.pinMask) == EntryWord.releaseRequestedBit
           */
          if :: (seen & (REQUESTED | PINS)) == REQUESTED -> releaseResource() :: else fi
       :: else
       fi
    :: /* pin exclusively, write, unpin
        * code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.compareExchange(
        *   expected: expected, desired: expected | EntryWord.exclusiveBit, ordering: .acquiring)
        */
       seen = key;
       do
       :: atomic {
            done = (word == seen);
            if :: done -> word = seen | EXCLUSIVE :: else -> seen = word fi
          };
          if :: !done && (seen & ~HELD) == key -> skip :: else -> break fi
       od;
       if
       :: done ->
          writers++;
          assert(exists && writers == 1 && readers == 0);
          writers--;
          /* code: LedgerEntry+Ownership.swift:
           *   unsafe record.pointee.word.bitwiseAnd(~EntryWord.exclusiveBit, ordering: .acquiringAndReleasing).newValue
           */
          atomic { word = word & ~EXCLUSIVE; seen = word };
          /* code: LedgerEntry+Ownership.swift: return word & EntryWord.releaseRequestedBit != 0 */
          if :: (seen & REQUESTED) -> releaseResource() :: else fi
       :: else
       fi
    :: /* dispose */
       done = false;
       do
       :: done -> break
       :: !done ->
          /* code: LedgerEntry+Ownership.swift: func requestRelease(key: EntryWord) -> ReleaseOutcome {
           *   var expected = unsafe record.pointee.word.load(ordering: .relaxed)
           */
          seen = word;
          if
          /* code: LedgerEntry+Ownership.swift:
           *   if (expected ^ key.rawValue) & EntryWord.keyMask != 0 { return .alreadyReleased }
           */
          :: (seen & ~(PINS | EXCLUSIVE | HELD)) != key -> break
          /* code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.weakCompareExchange(
           *   expected: expected, desired: expected | EntryWord.releaseRequestedBit, ordering: .acquiringAndReleasing)
           */
          :: else -> exchange(seen, seen | REQUESTED, done)
          fi
       od;
       before = seen;
       if
#ifdef FORGET_PINS
       :: done -> releaseResource()
#else
       /* code: LedgerEntry+Ownership.swift:
        *   return expected & (EntryWord.pinMask | EntryWord.exclusiveBit) == 0 ? .releaseNow : .deferred
        */
       :: done && (before & (PINS | EXCLUSIVE)) == 0 -> releaseResource()
#endif
       :: else
       fi
    :: /* detach: the resource stays, and no handle releases it
        * code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.compareExchange(
        *   expected: expected, desired: key.rawValue | EntryWord.detachedBit | EntryWord.releaseRequestedBit,
        *   ordering: .acquiringAndReleasing)
        */
       seen = key;
       do
       :: atomic {
            done = (word == seen);
            if :: done -> word = key | DETACHED | REQUESTED :: else -> seen = word fi
          };
          if :: !done && (seen & ~HELD) == key -> skip :: else -> break fi
       od
    fi
  od
}

/* A cache begins and stops to hold the resource of life 1. */
proctype cache() {
  int seen, marked;
  bool done;
  byte steps = 0;
  do
  :: steps == 2 -> break
  :: steps < 2 ->
     done = false;
     do
     :: done -> break
     :: !done ->
        /* code: LedgerEntry+Ownership.swift: func setHeldByCache(_ isHeld: Bool, key: EntryWord) {
         *   var expected = unsafe record.pointee.word.load(ordering: .relaxed)
         */
        seen = word;
        if
        /* code: LedgerEntry+Ownership.swift:
         *   if (expected ^ key.rawValue) & EntryWord.keyMask & ~EntryWord.releaseRequestedBit != 0 { return }
         */
        :: (seen & ~(PINS | EXCLUSIVE | HELD | REQUESTED)) != LIFE + LIVE -> break
        /* code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.weakCompareExchange(
         *   expected: expected, desired: marked, ordering: .relaxed)
         */
        :: else -> marked = (steps == 0 -> (seen | HELD) : (seen & ~HELD)); exchange(seen, marked, done)
        fi
     od;
     steps++
  od
}

init {
  atomic { run holder(LIFE + LIVE, 2); run holder(LIFE + LIVE, 2); run holder(LIVE, 1); run cache() };
  (_nr_pr == 1);
  assert(readers == 0 && writers == 0 && releases <= 1);
  assert((releases == 1) == !exists);
  assert((word & (PINS | EXCLUSIVE | HELD)) == 0);
  /* A release that was requested and did not happen would be a leak. */
  assert(exists -> ((word & REQUESTED) != 0) == ((word & DETACHED) != 0) : true)
}
