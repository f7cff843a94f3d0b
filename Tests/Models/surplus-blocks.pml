/* The idle blocks beyond an arena's limit (SurplusBlocks.swift; Maintenance.swift, "Blocks beyond the limits"). When a
 * thread disposes such a block, it puts the block on a list and calls the maintenance thread, if that thread listens
 * and if the list has room. Otherwise the disposing thread gives the block back itself. The maintenance thread empties
 * the list when it is called. Before a long step of work, it says that it does not listen (it is deaf), and then
 * empties the list once more.
 *
 * Checked over all interleavings: at most an eighth of the limit (here ROOM blocks) and one block are on the list. When
 * no thread disposes blocks any more, the list becomes empty, even if the maintenance thread is in a long step.
 *
 * With -DNO_RECHECK, a thread that left a block does not look again whether the maintenance thread listens, and the
 * check must fail.
 */
#define ROOM 1
#define THREADS 3
#define BLOCKS 2

byte listed = 0;
byte counted = 0;         /* the listed blocks, and those that a thread is trying to list */
bool waits = false;       /* the maintenance thread was called for them */
bool deaf = false;        /* the maintenance thread does not listen */
byte done = 0;            /* the threads that dispose no more */

inline giveBackAll() {
  do
  :: atomic { listed > 0 -> listed-- };
    counted--
  :: listed == 0 -> break
  od
}

proctype disposing() {
  byte left = BLOCKS;
  byte before;
  do
  :: left == 0 -> break
  :: left > 0 ->
    left--;
    if
    :: deaf
    :: !deaf ->
      atomic { before = counted; counted++ };
      if
      :: before > ROOM -> counted--
      :: else ->
        listed++;
        assert(listed <= ROOM + 1);
        waits = true;
#ifndef NO_RECHECK
        if :: deaf -> giveBackAll() :: else fi
#endif
      fi
    fi
  od;
  done++
}

inline look() {
  if
  :: atomic { waits -> waits = false }; giveBackAll()
  :: !waits
  fi
}

proctype maintenance() {
  byte steps = 0;
  do
  :: steps < 1 ->
    steps++;
    look();
    deaf = true;
    giveBackAll();
    if
    :: skip               /* a step that ends at any moment */
    :: done == THREADS;   /* a step that ends after all threads have disposed their blocks */
      assert(listed == 0)
    fi;
    deaf = false
  :: break
  od;
  done == THREADS;
  look();
  assert(listed == 0 && counted == 0)
}

init {
  byte n = 0;
  atomic {
    do :: n < THREADS -> run disposing(); n++ :: else -> break od;
    run maintenance()
  }
}
