/* How idle blocks move between threads (EntryStack.swift, ThreadCache+FullOrEmpty.swift). There is a shared list, whose
 * head holds the number of the first entry and a count of pops. A thread takes one entry, or two by one exchange. It
 * gives them back one by one, or as a chain of two.
 *
 * Checked over all interleavings: two threads never hold the same entry, and at the end each entry is on the list
 * exactly once.
 *
 * A thread may read the link of an entry that another thread has just popped; the exchange of the first thread then
 * fails. So reading a link is a step of its own. With -DNO_COUNT, the head holds only the number (the ABA problem), and
 * the check must fail.
 *
 * The code orders each push so that the link is in memory before the head names its entry. With -DRELAXED_PUSH, the
 * link may come later, and the check must fail.
 *
 * all atomics: EntryStack.swift
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

/* The index and the count share one word, so one exchange changes both.
 *
 * code: EntryStack.swift: let head = Atomic<UInt64>(0)
 * code: EntryStack.swift: static var indexMask: UInt64 { (1 << 28) - 1 }
 * code: EntryStack.swift: static var popUnit: UInt64 { 1 << 28 }
 *
 * A look at the head that exchanges nothing is not a step here: what it finds may be out of date.
 *
 * code: EntryStack.swift: head.load(ordering: .sequentiallyConsistent) & Self.indexMask
 */
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
    /* code: EntryStack.swift: func pop(records: UnsafeMutablePointer<EntryRecord>) -> LedgerEntry? {
     *   var expected = head.load(ordering: .acquiring)
     */
    seen = head;
    if
    :: (seen & 7) == NONE -> break
    :: else ->
      /* code: EntryStack.swift:
       *   let desired = (expected & ~Self.indexMask) &+ Self.popUnit | UInt64(entry.link)
       *   let (exchanged, original) = head.weakCompareExchange(
       *   expected: expected, desired: desired, successOrdering: .acquiring, failureOrdering: .acquiring)
       */
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
    /* code: EntryStack.swift: ) -> (first: LedgerEntry, count: Int)? {
     *   var expected = head.load(ordering: .acquiring)
     */
    seen = head;
    if
    :: (seen & 7) == NONE -> break
    :: else ->
      /* code: EntryStack.swift: var rest = first.link
       *   while count < limit, rest != 0 {
       *     last = unsafe LedgerEntry(link: rest, records: records)
       *     rest = last.link
       */
      next = link[seen & 7];
      other = NONE;
      if
      :: next != NONE -> other = next; next = link[other]
      :: true
      fi;
      /* code: EntryStack.swift:
       *   let desired = (expected & ~Self.indexMask) &+ Self.popUnit | UInt64(rest)
       *   let (exchanged, original) = head.weakCompareExchange(
       *   expected: expected, desired: desired, successOrdering: .acquiring, failureOrdering: .acquiring)
       */
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
    /* code: EntryStack.swift: var expected = head.load(ordering: .relaxed)
     * code: EntryStack.swift:
     *   last.link = UInt32(truncatingIfNeeded: expected & Self.indexMask)
     *   let desired = expected & ~Self.indexMask | link
     *   let (exchanged, original) = head.weakCompareExchange(
     *   expected: expected, desired: desired, successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed)
     */
    before = head;
#ifdef RELAXED_PUSH
    exchange(before, (before & ~7) + first, pushed);
    if :: pushed -> link[last] = before & 7 :: else fi
#else
    link[last] = before & 7;
    exchange(before, (before & ~7) + first, pushed)
#endif
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
