/* What is beyond an arena's limit (SurplusBlocks.swift; Maintenance.swift, "What is beyond the limits"): who disposes a
 * block that is not to be kept leaves it on a list for the maintenance thread if that listens and if there is room on
 * the list, and gives it back otherwise. The thread looks for such blocks when it is called. Before a step of work that
 * it cannot leave it says that it does not listen, and looks once more.
 *
 * Checked over all interleavings: never more than an eighth (here ROOM blocks) and one block lie on the list; none lies
 * there once nobody disposes any more, be the thread in the midst of such a step or not.
 *
 * With -DNO_RECHECK who left a block does not look again whether the thread listens, and the check must fail.
 */
#define ROOM 1
#define THREADS 3
#define BLOCKS 2

byte listed = 0;
byte counted = 0;         /* bytes of the listed blocks, and of those that just try */
bool waits = false;       /* the thread was called for them */
bool deaf = false;
byte done = 0;

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
    :: skip               /* a step that is over at some moment */
    :: done == THREADS;   /* one that outlasts them all */
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
