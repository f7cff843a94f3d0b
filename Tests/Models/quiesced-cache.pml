/* How a thread looks into the block cache of another thread (ThreadCaches+Quiescing.swift, Thread.h). It is the
 * protocol of asymmetric-lock.pml with a pointer instead of the second flag, and a visitor that finds the owner busy
 * goes away instead of waiting. The owner's processor delays its stores, as real processors do: they wait in a buffer,
 * and reach memory later, one by one and in order. They are all in memory when a visitor has made all threads pass a
 * barrier, and before the owner takes a lock.
 *
 * Checked over all interleavings: of the owner and two visitors, at most one uses the lists at any time, and the owner
 * always gets its cache.
 *
 * With -DNO_BARRIER, visitors pass no barrier, and the check must fail.
 */
bool isBusy = false;          /* uses_cache, as it is in memory */
bool isAttached = true;       /* whether the owner's pointer leads to its cache */
bool isLocked = false;        /* ThreadCaches.lock */
chan buffer = [4] of { bool };/* the owner's stores to uses_cache that are not in memory yet */
byte inside = 0;

inline store(value) { atomic { nfull(buffer) -> buffer ! value } }
inline lock() { atomic { !isLocked -> isLocked = true } }
inline useLists() { inside++; assert(inside == 1); inside-- }

active proctype owner() {
  byte rounds = 0;
  do
  :: rounds == 2 -> break
  :: rounds < 2 ->
    rounds++;
    /* code: Thread.h: __atomic_store_n(&cnativeruntime_thread_record.uses_cache, 1, __ATOMIC_RELAXED);
     *   __atomic_signal_fence(__ATOMIC_SEQ_CST);
     *   return __atomic_load_n(&cnativeruntime_thread_record.cache, __ATOMIC_ACQUIRE);
     */
    store(true);
    if
    :: isAttached
    :: !isAttached ->
      /* code: ThreadCaches.swift: lock.withLock { attach(cache) } */
      empty(buffer);
      lock();
      isAttached = true;
      isLocked = false
    fi;
    useLists();
    /* code: Thread.h: __atomic_store_n(&cnativeruntime_thread_record.uses_cache, 0, __ATOMIC_RELEASE); */
    store(false)
  od
}

/* The owner's store buffer. */
active proctype memory() {
  bool value;
end:
  do
  :: atomic { buffer ? value -> isBusy = value }
  od
}

/* The caller of quiesce holds the lock.
 *
 * code: Thread.h: __atomic_store_n(&thread->cache, cache, __ATOMIC_RELEASE);
 * code: Thread.h: return __atomic_load_n(&thread->uses_cache, __ATOMIC_ACQUIRE) != 0;
 */
active [2] proctype visitor() {
  lock();
  /* code: ThreadCaches+Quiescing.swift: unsafe cnativeruntime_set_cache(record, nil)
   *   let isOwnerOutside = unsafe cnativeruntime_heavy_barrier() && !cnativeruntime_uses_cache(record)
   *   if isOwnerOutside, body() { park(cache) } else { attach(cache) }
   */
  isAttached = false;
#ifndef NO_BARRIER
  empty(buffer);
#endif
  if
  :: isBusy -> isAttached = true
  :: !isBusy ->
    useLists();
    if
    :: isAttached = true
    :: skip               /* the cache is empty, and stays parked */
    fi
  fi;
  isLocked = false
}
