/* How a depot limits its idle blocks (Depot+Room.swift; Depot.swift, "push"; Arena+Blocks.swift, "finishPush";
 * Arena+Trimming.swift, "payDebt"; Maintenance.swift, "Debts"):
 * - Each thread's stripe has room of its own. A block that a thread returns takes room of that thread's stripe. A block
 *   that a thread takes gives room back to that thread's stripe.
 * - A stripe without room first moves unreserved room to itself, then the room of the other stripe, each by one
 *   exchange. If there is none and the maintenance thread accepts debts, it takes unreserved room that does not exist:
 *   that is a debt. The next thread that lists a block then calls the maintenance thread, and pays the debt itself if
 *   the maintenance thread refuses debts.
 * - Otherwise the block is refused, and the thread gives it back.
 * - The maintenance thread pays debts when it is called: it moves the room of all stripes back, and gives blocks back
 *   until there is no debt. If it finds neither blocks nor room, the next thread that lists a block must call again.
 *   Before a step that it cannot interrupt, the maintenance thread says that it refuses debts, and then pays once more.
 *   In this model, such a step ends at any moment, or outlasts all other threads.
 *
 * Checked over all interleavings: there are never more idle blocks than the limit, an eighth of it (here EIGHTH blocks)
 * and one block. There are no more than the limit once no thread returns blocks any more, even if the maintenance
 * thread is in the middle of such a step. At the end, the idle blocks and all room add up to the limit.
 *
 * With -DCOUNT_LATE, a block is listed before its room is taken. With -DNO_RECHECK, a thread that called does not look
 * whether the maintenance thread still accepts debts. With -DNO_NEXT_CALL, a thread that could not pay a debt leaves it
 * at that. The check must fail with each of them.
 *
 * all atomics: Depot+Room.swift
 */
#define LIMIT 1
#define EIGHTH 0
#define THREADS 2

byte listed = 0;          /* blocks in the depot's lists; any thread may take any of them */
short unreserved = LIMIT; /* below 0: a debt */
short room[THREADS];      /* below 0 while its thread looks for more */
bool needsCall = false;   /* the next thread that lists a block calls the maintenance thread */
bool waits = false;       /* the maintenance thread was called for debts */
bool refuses = false;     /* the maintenance thread accepts no debts */
byte done = 0;

/* A share of the unreserved room is more than one block in the code, and the room of the other stripe is all that it
 * has. How often room was moved is counted for sums only, which are not steps here.
 *
 * code: Depot+Room.swift: let unreserved = unsafe counters.pointee.unreservedRoom.load(ordering: .relaxed)
 *
 * code: Depot+Room.swift: var available = source.load(ordering: .relaxed)
 *
 * code: Depot+Room.swift: let (exchanged, original) = source.weakCompareExchange(
 *   expected: available, desired: available - moved, ordering: .sequentiallyConsistent)
 *
 * code: Depot+Room.swift: unsafe counters.pointee.moveCount.add(1, ordering: .acquiringAndReleasing)
 *   destination.add(moved, ordering: .sequentiallyConsistent)
 *
 * code: Depot+Room.swift: let moves = unsafe counters.pointee.moveCount.load(ordering: .acquiring)
 *   var room = unsafe counters.pointee.unreservedRoom.load(ordering: .sequentiallyConsistent)
 *   for stripe in 0..<stripeCount { room += unsafe self.room(stripe).pointee.load(ordering: .acquiring) }
 *   if unsafe moves == counters.pointee.moveCount.load(ordering: .relaxed) {
 */
inline moveToOwn(own, source) {
  seen = source;
  atomic { if :: seen > 0 && source == seen -> source = 0 :: else -> seen = 0 fi };
  room[own] = room[own] + seen
}

/* Gives blocks back until there is no debt, or neither a block nor room.
 *
 * code: Depot+Room.swift:
 *   max(0, -(unsafe counters.pointee.unreservedRoom.load(ordering: .sequentiallyConsistent)))
 *
 * code: Depot+Room.swift: unsafe counters.pointee.unreservedRoom.add(byteCount, ordering: .sequentiallyConsistent)
 *
 * code: Depot.swift: unsafe counters.pointee.needsCall.store(true, ordering: .sequentiallyConsistent)
 *
 * code: Arena+Trimming.swift: let freed = payDebtOnce(depot)
 *   if freed > 0 || depot.debt == 0 { return freed }
 *   depot.requestCall()
 *   return payDebtOnce(depot)
 *
 * code: Arena+Trimming.swift: depot.withdrawRoom()
 *   return deallocateLargestUnderLock(atMost: Self.batchCount) { depot.debt > 0 }
 */
inline payDebt() {
  again = true;
  do
  :: unreserved >= 0 -> break
  :: unreserved < 0 ->
    stripe = 0;
    do
    :: stripe == THREADS -> break
    :: stripe < THREADS ->
      atomic { if :: room[stripe] > 0 -> moved = room[stripe]; room[stripe] = 0 :: else -> moved = 0 fi };
      unreserved = unreserved + moved;
      stripe++
    od;
    if
    :: unreserved >= 0 -> break
    :: unreserved < 0 ->
      atomic { if :: listed > 0 -> listed--; moved = 1 :: else -> moved = 0 fi };
      if
      :: moved == 1 -> unreserved = unreserved + 1
      :: moved == 0 ->
#ifdef NO_NEXT_CALL
        break
#else
        if
        :: again -> again = false; needsCall = true
        :: !again -> break
        fi
#endif
      fi
    fi
  od
}

proctype thread(byte own; byte live; byte limit) {
  byte rounds = 0, stripe;
  short seen, moved;
  bool found, again;
  do
  :: rounds == limit -> break
  :: rounds < limit && live > 0 ->
    /* Returns a block. */
    rounds++;
    live--;
#ifdef COUNT_LATE
    listed++;
    assert(listed <= LIMIT + EIGHTH + 1);
#endif
    /* code: Depot.swift: let left = unsafe room(own).pointee.subtract(byteCount, ordering: .relaxed).newValue
     *   if left < 0, !findRoom(own, blockByteCount: first.capacity) {
     *     unsafe room(own).pointee.add(byteCount, ordering: .relaxed)
     *     return .refused
     */
    atomic { room[own] = room[own] - 1; found = (room[own] >= 0) };
    if
    :: found
    :: else ->
      /* code: Depot+Room.swift: reserveRoom(own)
       *   for distance in 1..<stripeCount where lackedRoom(own) > 0 {
       *
       * code: Depot+Room.swift: max(0, -(unsafe room(stripe).pointee.load(ordering: .relaxed)))
       */
      moveToOwn(own, unreserved);
      if
      :: room[own] >= 0
      :: else -> moveToOwn(own, room[1 - own])
      fi;
      found = (room[own] >= 0);
      if
      :: found
      :: else ->
        /* code: Depot+Room.swift: guard Maintenance.acceptsDebts else { return false }
         *
         * code: Depot+Room.swift:
         *   var unreserved = unsafe counters.pointee.unreservedRoom.load(ordering: .relaxed)
         *   guard unreserved - lacked >= -largestDebt else { return false }
         *
         * code: Depot+Room.swift: while granted == lacked, unreserved - lacked >= -largestDebt {
         *   let (exchanged, original) = unsafe counters.pointee.unreservedRoom.weakCompareExchange(
         *     expected: unreserved, desired: unreserved - lacked, ordering: .sequentiallyConsistent)
         *   if exchanged {
         *     unsafe counters.pointee.moveCount.add(1, ordering: .acquiringAndReleasing)
         *     unsafe room(own).pointee.add(lacked, ordering: .releasing)
         *     requestCall()
         *     return true
         */
        if
        :: refuses
        :: !refuses ->
          atomic { if :: unreserved - 1 >= -(EIGHTH + 1) -> unreserved--; found = true :: else fi };
          if :: found -> room[own] = room[own] + 1; needsCall = true :: else fi
        fi
      fi
    fi;
    if
    :: found ->
      /* code: Depot.swift: unsafe bin.pointee.push(from: first, to: last, records: records)
       *   return unsafe counters.pointee.needsCall.load(ordering: .sequentiallyConsistent) ? callMaintenance() : .kept
       *
       * code: Depot.swift:
       *   if unsafe counters.pointee.needsCall.exchange(false, ordering: .sequentiallyConsistent)
       *   { Maintenance.call() }
       *   return debt > 0 ? .keptBeyondLimit : .kept
       *
       * code: Arena+Blocks.swift: Maintenance.callForDebts()
       *   if !Maintenance.acceptsDebts, payWholeDebt() > 0 { noticeUnusedPages() }
       */
#ifndef COUNT_LATE
      listed++;
      assert(listed <= LIMIT + EIGHTH + 1);
#endif
      if
      :: !needsCall
      :: needsCall ->
        needsCall = false;
        if
        :: unreserved < 0 ->
          waits = true;
#ifndef NO_RECHECK
          if :: refuses -> payDebt() :: !refuses fi
#endif
        :: unreserved >= 0
        fi
      fi
    :: else -> room[own] = room[own] + 1
    fi
  :: rounds < limit ->
    /* Takes one.
     *
     * code: Depot.swift: guard let entry = unsafe bin(own, sizeClass).pointee.pop(records: records)
     *   ?? takeOver(own, sizeClass)
     *   else { return nil }
     *   unsafe room(own).pointee.add(capacity, ordering: .relaxed)
     */
    rounds++;
    atomic { if :: listed > 0 -> listed--; found = true :: else -> found = false fi };
    if :: found -> live++; room[own] = room[own] + 1 :: else fi
  od;
  done++
}

/* code: Maintenance+Pass.swift:
 *   if debtsWait.load(ordering: .relaxed), debtsWait.exchange(false, ordering: .sequentiallyConsistent) { payDebts() }
 */
inline payIfCalled() {
  if
  :: atomic { waits -> waits = false }; payDebt()
  :: !waits
  fi
}

proctype maintenance() {
  byte stripe;
  short moved;
  bool again;
  payIfCalled();
  /* code: Maintenance+Pass.swift: refusesDebts.store(true, ordering: .sequentiallyConsistent)
   *   defer { refusesDebts.store(false, ordering: .sequentiallyConsistent) }
   *   payDebts()
   *   return step()
   */
  refuses = true;
  payDebt();
  if
  :: skip                 /* a step that ends at any moment */
  :: done == THREADS;     /* a step that outlasts all other threads */
    assert(listed <= LIMIT)
  fi;
  refuses = false;
  /* It searches the idle blocks again, so threads that list blocks need not call any more.
   *
   * code: Depot.swift: unsafe counters.pointee.needsCall.store(false, ordering: .sequentiallyConsistent)
   *
   * code: Arena+Maintenance.swift: depot.requestNoCall()
   *   _ = payWholeDebt()
   */
  needsCall = false;
  payDebt();
  done == THREADS;
  payIfCalled();
  assert(listed <= LIMIT)
}

init {
  atomic { run thread(0, 2, 3); run thread(1, 1, 2); run maintenance() };
  (_nr_pr == 1);
  assert(room[0] >= 0 && room[1] >= 0);
  assert(listed + unreserved + room[0] + room[1] == LIMIT)
}
