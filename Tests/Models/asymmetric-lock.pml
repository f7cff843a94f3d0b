/* The lock that costs its owner two plain stores and a load (AsymmetricLock.swift). The owner's processor delays its
 * stores, as real processors do: they wait in a buffer, and reach memory later, one by one and in order. They are all
 * in memory when a visitor has made all threads pass a barrier.
 *
 * Checked over all interleavings: of the owner and two visitors, at most one is inside at any time, and none of them
 * waits for ever.
 *
 * With -DNO_BARRIER, visitors pass no barrier, and the check must fail.
 */
bool isHeld = false;          /* the value in memory */
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
