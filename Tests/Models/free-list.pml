/* Idle blocks on their way between threads (EntryStack.swift, ThreadCache+Batches.swift): a shared list
 * whose head is an entry's number and a count of pops, and threads that take entries one by one or two by one
 * exchange, keep them in lists of their own, and give two back at once.
 *
 * Checked over all interleavings: nobody ever has an entry that somebody else has, and in the end every
 * entry is on one list, once.
 *
 * A popped entry may be read by a thread that will fail its exchange: reading its link is a step of its own.
 * With -DNO_COUNT the head is the number alone (the ABA problem), and the check must fail.
 */
#define ENTRIES 3
#define NONE 0
#ifdef NO_COUNT
#define POPPED 0
#else
#define POPPED 8
#endif

short head = NONE;            /* the number of the first entry, and 8 times the count of pops */
byte link[ENTRIES + 1];
byte holder[ENTRIES + 1];     /* 0: on the shared list */

inline exchange(expected, desired, done) {
  atomic { done = (head == expected); if :: done -> head = desired :: else fi }
}

inline pop(entry) {
  short seen;
  byte next;
  bool done;
  done = false;
  entry = NONE;
  do
  :: done -> break
  :: !done ->
    seen = head;
    if
    :: (seen & 7) == NONE -> break
    :: else ->
      next = link[seen & 7];
      exchange(seen, (seen & ~7) + POPPED + next, done);
      if :: done -> entry = seen & 7 :: else fi
    fi
  od;
  if
  :: entry != NONE -> assert(holder[entry] == 0); holder[entry] = _pid
  :: else
  fi
}

/* Takes one entry or two, by one exchange. */
inline popBatch(entry, second) {
  short seen;
  byte next, other;
  bool done;
  done = false;
  entry = NONE;
  second = NONE;
  do
  :: done -> break
  :: !done ->
    seen = head;
    if
    :: (seen & 7) == NONE -> break
    :: else ->
      next = link[seen & 7];
      other = NONE;
      if
      :: next != NONE -> other = next; next = link[other]
      :: true
      fi;
      exchange(seen, (seen & ~7) + POPPED + next, done);
      if :: done -> entry = seen & 7; second = other :: else fi
    fi
  od;
  if
  :: entry != NONE -> assert(holder[entry] == 0); holder[entry] = _pid
  :: else
  fi;
  if
  :: second != NONE -> assert(holder[second] == 0); holder[second] = _pid
  :: else
  fi
}

/* Gives a chain back: from its first entry to its last, already linked. */
inline pushChain(first, last) {
  short before;
  bool pushed;
  pushed = false;
  do
  :: pushed -> break
  :: !pushed ->
    before = head;
    link[last] = before & 7;
    exchange(before, (before & ~7) + first, pushed)
  od
}

inline giveBack(entry) {
  assert(holder[entry] == _pid);
  holder[entry] = 0
}

proctype thread(byte limit) {
  byte rounds = 0, a, b;
  do
  :: rounds == limit -> break
  :: rounds < limit ->
    rounds++;
    if
    :: true -> pop(a); if :: a != NONE -> pop(b) :: else fi
    :: true -> popBatch(a, b)
    fi;
    if
    :: a != NONE ->
      if
      :: b != NONE ->
        /* A batch of two. */
        giveBack(a);
        giveBack(b);
        link[a] = b;
        pushChain(a, b)
      :: b != NONE ->
        /* One now, and one that is kept a little longer. */
        giveBack(a);
        pushChain(a, a);
        giveBack(b);
        pushChain(b, b)
      :: else -> giveBack(a); pushChain(a, a)
      fi
    :: else
    fi
  od
}

init {
  byte entry = 0, count = 0;
  atomic {
    link[1] = 2;
    link[2] = 3;
    link[3] = NONE;
    head = 1;
    run thread(2);
    run thread(1)
  };
  (_nr_pr == 1);
  entry = head & 7;
  do
  :: entry == NONE -> break
  :: else ->
    assert(holder[entry] == 0);
    holder[entry] = 9;
    count++;
    entry = link[entry]
  od;
  assert(count == ENTRIES)
}
