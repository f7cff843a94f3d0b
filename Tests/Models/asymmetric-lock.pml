/* The lock that costs its owner two plain stores and a load (AsymmetricLock.swift), on a machine whose
 * processors delay their stores: the owner's wait in a buffer and reach memory in order, one by one, at any
 * later time, or when a visitor makes all threads pass a barrier.
 *
 * Checked over all interleavings: an owner and two visitors are never inside at the same time, and nobody
 * waits for ever.
 *
 * With -DNO_BARRIER visitors do without it, and the check must fail.
 */
bool isHeld = false;          /* as memory has it */
bool isWanted = false;
chan buffer = [4] of { bool };/* the owner's stores to isHeld that are not in memory yet */
byte inside = 0;

inline store(value) { atomic { nfull(buffer) -> buffer ! value } }

active proctype owner() {
  byte rounds = 0;
  bool wanted;
  do
  :: rounds == 2 -> break
  :: rounds < 2 ->
    rounds++;
    store(true);
    wanted = isWanted;
    do
    :: !wanted -> break
    :: wanted ->
      store(false);
      !isWanted;
      store(true);
      wanted = isWanted
    od;
    inside++;
    assert(inside == 1);
    inside--;
    store(false)
  od
}

/* The owner's store buffer. */
active proctype memory() {
  bool value;
end:
  do
  :: atomic { buffer ? value -> isHeld = value }
  od
}

active [2] proctype visitor() {
  atomic { !isWanted -> isWanted = true };
#ifndef NO_BARRIER
  empty(buffer);
#endif
  !isHeld;
  inside++;
  assert(inside == 1);
  inside--;
  isWanted = false
}
