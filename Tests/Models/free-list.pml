/* How idle blocks move between threads (EntryStack.swift, ThreadCache+Batches.swift). There is a shared list, whose
 * head holds the number of the first entry and a count of pops. A thread takes one entry, or two by one exchange. It
 * gives them back one by one, or as a chain of two.
 *
 * Checked over all interleavings: two threads never hold the same entry, and at the end each entry is on the list
 * exactly once.
 *
 * A thread may read the link of an entry that another thread has just popped; the exchange of the first thread then
 * fails. So reading a link is a step of its own. With -DNO_COUNT, the head holds only the number (the ABA problem), and
 * the check must fail.
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
byte holder[ENTRIES + 1];     /* the thread that holds the entry; 0 if it is on the shared list */

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

/* Gives back a chain of entries, which are linked already. */
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
        /* One entry now, and the other one a little later. */
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
