/* How much may lie idle in a depot (DepotBins.swift, "Room"): each thread's stripe has room of its own, which a
 * returned block takes and a taken one gives back to the stripe of who took it; a stripe without room gets what is
 * not reserved, by one exchange, else what the other stripe has, under a lock. Maintenance may take the stripes' rooms
 * back, under the lock.
 *
 * Checked over all interleavings: no more blocks ever lie idle than the limit allows, and in the end the blocks and the
 * room, wherever it is, add up to the limit again.
 *
 * With -DCOUNT_LATE a block is listed before its room is taken, and the check must fail.
 */
#define LIMIT 2
#define BLOCKS 4

byte listed = 0;          /* blocks on either stripe's lists: any thread may take any */
byte unreserved = LIMIT;
short room[2];            /* below 0 while its thread looks for more */
bool moving = false;      /* the lock */

/* found: whether the stripe's room is 0 or more in the end. */
inline findRoom(own, found) {
  short seen;
  atomic { if :: unreserved > 0 -> unreserved--; seen = 1 :: else -> seen = 0 fi };
  atomic { room[own] = room[own] + seen; found = (room[own] >= 0) };
  if
  :: found
  :: else ->
    atomic { !moving -> moving = true };
    /* Takes the other stripe's room if it did not change since it was seen. */
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
    /* Takes one. */
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
