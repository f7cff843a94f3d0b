/* The state word of a ledger entry (LedgerEntry+Ownership.swift). Two threads hold the same handle. Each of them does
 * two of these: pin, pin exclusively, dispose. A third thread still has the handle of an earlier life.
 *
 * Checked over all interleavings:
 * - The resource is released at most once per life, and never while it is pinned.
 * - A thread that is told to release the resource finds that it still exists.
 * - Several readers may have pins at the same time; a writer is alone.
 * - At the end no pin is left, and a requested release has happened.
 *
 * One step of the model is one atomic operation of the code. A load, and the exchange that follows it, are two steps.
 * With -DFORGET_PINS, a request releases the resource even if it is pinned, and the check must fail.
 */
#define LIVE 1
#define REQUESTED 2
#define EXCLUSIVE 4
#define PIN 8
#define PINS (3 * PIN)
#define LIFE 32

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
  /* The life ends, and the next owner begins life 2 in the same entry. */
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
          seen = word;
          if
          :: (seen & ~PINS) != key || (seen & PINS) == PINS -> break
          :: else -> exchange(seen, seen + PIN, done)
          fi
       od;
       if
       :: done ->
          readers++;
          assert(exists && key == LIFE + LIVE && writers == 0);
          readers--;
          atomic { word = word - PIN; seen = word };
          if :: (seen & (REQUESTED | PINS)) == REQUESTED -> releaseResource() :: else fi
       :: else
       fi
    :: /* pin exclusively, write, unpin */
       exchange(key, key | EXCLUSIVE, done);
       if
       :: done ->
          writers++;
          assert(exists && writers == 1 && readers == 0);
          writers--;
          atomic { word = word & ~EXCLUSIVE; seen = word };
          if :: (seen & REQUESTED) -> releaseResource() :: else fi
       :: else
       fi
    :: /* dispose */
       done = false;
       do
       :: done -> break
       :: !done ->
          seen = word;
          if
          :: (seen & ~(PINS | EXCLUSIVE)) != key -> break
          :: else -> exchange(seen, seen | REQUESTED, done)
          fi
       od;
       before = seen;
       if
#ifdef FORGET_PINS
       :: done -> releaseResource()
#else
       :: done && (before & (PINS | EXCLUSIVE)) == 0 -> releaseResource()
#endif
       :: else
       fi
    fi
  od
}

init {
  atomic { run holder(LIFE + LIVE, 2); run holder(LIFE + LIVE, 2); run holder(LIVE, 1) };
  (_nr_pr == 1);
  assert(readers == 0 && writers == 0 && releases <= 1);
  assert((releases == 1) == !exists);
  assert((word & (PINS | EXCLUSIVE)) == 0);
  /* A release that was requested and did not happen would be a leak. */
  assert(exists -> (word & REQUESTED) == 0 : true)
}
