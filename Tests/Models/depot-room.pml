/* How a depot limits its idle blocks (DepotBins.swift, "Room"):
 * - Each thread's stripe has room of its own. A block that a thread returns takes room of that thread's stripe. A block
 *   that a thread takes gives room back to that thread's stripe.
 * - A stripe without room first tries to get unreserved room, by one exchange. If there is none, it takes the room of
 *   the other stripe, under a lock.
 * - Maintenance may take the room of all stripes back, under the same lock.
 *
 * Checked over all interleavings: there are never more idle blocks than the limit allows, and at the end the idle
 * blocks and all room add up to the limit again.
 *
 * With -DCOUNT_LATE, a block is listed before its room is taken, and the check must fail.
 */
#define LIMIT 2
#define BLOCKS 4

byte listed = 0;          /* the blocks on the lists of both stripes: each thread may take each block */
byte unreserved = LIMIT;
short room[2];            /* a stripe's room; below 0 while its thread looks for more */
bool moving = false;      /* the lock */

/* Looks for more room. `found` says whether the stripe's room is 0 or more afterwards. */
inline findRoom(own, found) {
  short seen;
  atomic { if :: unreserved > 0 -> unreserved--; seen = 1 :: else -> seen = 0 fi };
  atomic { room[own] = room[own] + seen; found = (room[own] >= 0) };
  if
  :: found
  :: else ->
    atomic { !moving -> moving = true };
    /* Takes the other stripe's room, unless it has changed since it was read. */
    seen = room[1 - own];
    atomic {
      if
      :: seen > 0 && room[1 - own] == seen -> room[1 - own] = 0
      :: else -> seen = 0
      fi
    };
    atomic { room[own] = room[own] + seen; found = (room[own] >= 0) };
    moving = false
  fi
}

proctype thread(byte own; byte live) {
  byte rounds = 0;
  short left;
  bool found;
  do
  :: rounds == 3 -> break
  :: rounds < 3 && live > 0 ->
    /* Returns a block. */
    rounds++;
#ifdef COUNT_LATE
    listed++;
    assert(listed <= LIMIT);
#endif
    atomic { room[own] = room[own] - 1; left = room[own] };
    found = true;
    if :: left < 0 -> findRoom(own, found) :: else fi;
    if
    :: found ->
#ifndef COUNT_LATE
      listed++;
#endif
      assert(listed <= LIMIT);
      live--
    :: else -> room[own] = room[own] + 1
    fi
  :: rounds < 3 ->
    /* Takes a block. */
    rounds++;
    atomic { if :: listed > 0 -> listed--; found = true :: else -> found = false fi };
    if :: found -> live++; room[own] = room[own] + 1 :: else fi
  od
}

proctype withdraw() {
  byte stripe = 0;
  byte found = 0;
  atomic { !moving -> moving = true };
  do
  :: stripe == 2 -> break
  :: stripe < 2 ->
    atomic { if :: room[stripe] > 0 -> found = found + room[stripe]; room[stripe] = 0 :: else fi };
    stripe++
  od;
  atomic { unreserved = unreserved + found };
  moving = false
}

init {
  atomic { run thread(0, BLOCKS / 2); run thread(1, BLOCKS / 2); run withdraw() };
  (_nr_pr == 1);
  assert(room[0] >= 0 && room[1] >= 0);
  assert(listed + unreserved + room[0] + room[1] == LIMIT)
}
