/* The lock that costs its owner two plain stores and a load (AsymmetricLock.swift). The owner's processor delays its
 * stores, as real processors do: they wait in a buffer, and reach memory later, one by one and in order. They are all
 * in memory when a visitor has made all threads pass a barrier.
 *
 * Checked over all interleavings: of the owner and two visitors, at most one is inside at any time, and none of them
 * waits for ever.
 *
 * With -DNO_BARRIER, visitors pass no barrier, and the check must fail.
 *
 * all atomics: AsymmetricLock.swift
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
    /* code: AsymmetricLock.swift: package func lockAsOwner() {
     *   isHeld.store(1, ordering: .relaxed)
     *   cnativeruntime_light_barrier()
     *   if isWanted.load(ordering: .acquiring) != 0 { giveWay() }
     */
    store(true);
    wanted = isWanted;
    do
    :: !wanted -> break
    :: wanted ->
      /* code: AsymmetricLock.swift: repeat {
       *   isHeld.store(0, ordering: .releasing)
       *   while isWanted.load(ordering: .relaxed) != 0 { backOff.spin() }
       *   isHeld.store(1, ordering: .relaxed)
       *   cnativeruntime_light_barrier()
       *   } while isWanted.load(ordering: .acquiring) != 0
       */
      store(false);
      !isWanted;
      store(true);
      wanted = isWanted
    od;
    inside++;
    assert(inside == 1);
    inside--;
    /* code: AsymmetricLock.swift: package func unlockAsOwner() { isHeld.store(0, ordering: .releasing) } */
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

/* PerThread makes a visitor take these steps.
 *
 * code: PerThread.swift:
 *     unsafe slot(index, base, stride).pointee.lock.want()
 *     index += 1
 *   }
 *   cnativeruntime_heavy_barrier()
 *   index = 0
 *   while index < ThreadSlots.count {
 *     unsafe slot(index, base, stride).pointee.lock.waitForOwner()
 */
active [2] proctype visitor() {
  /* code: AsymmetricLock.swift: if isWanted.exchange(1, ordering: .acquiring) != 0 { waitForVisitor() }
   * code: AsymmetricLock.swift: while isWanted.exchange(1, ordering: .acquiring) != 0 { backOff.spin() }
   */
  atomic { !isWanted -> isWanted = true };
#ifndef NO_BARRIER
  empty(buffer);
#endif
  /* code: AsymmetricLock.swift: while isHeld.load(ordering: .acquiring) != 0 { backOff.spin() } */
  !isHeld;
  inside++;
  assert(inside == 1);
  inside--;
  /* code: AsymmetricLock.swift: package func leave() { isWanted.store(0, ordering: .releasing) } */
  isWanted = false
}
