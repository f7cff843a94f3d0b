/* How a flush waits until each death that happened before it is delivered (RegistryCore+Flush.swift, DeathQueue.swift).
 * The queue, in which cells keep their order, is a channel here.
 *
 * Checked over all interleavings: of two flushes, one after the other, each returns only after the cell that was queued
 * before it is delivered, though two deliveries run meanwhile; and no flush waits for ever.
 *
 * With -DNO_MARK, a flush does not wait until its mark is taken from the queue. With -DONE_TURN, it increments the
 * epoch once. The check must then fail.
 *
 * all atomics: RegistryCore+Flush.swift
 * all atomics: DeathQueue.swift
 */
#define MARK 9

byte epoch = 0;
byte sessions[2];               /* evenSessions and oddSessions */
chan queue = [4] of { byte };   /* cells, by the number of the flush that follows, and marks */
bool isDelivered[2];
bool isReached = false;

active [2] proctype delivery() {
  byte session, cell;
end:
  do
  :: nempty(queue) ->
    /* If no thread could be started, the flush delivers itself, like any other delivery, while it waits for its mark.
     *
     * code: RegistryCore+Flush.swift: if isOverdue.load(ordering: .sequentiallyConsistent) { deliverScheduled() }
     * code: RegistryCore.swift: let session = epochNow
     *   beginSession(session)
     *   defer { endSession(session) }
     * code: RegistryCore+Flush.swift: var epochNow: Int { epoch.load(ordering: .sequentiallyConsistent) }
     */
    session = epoch;
    /* code: RegistryCore+Flush.swift: func beginSession(_ epoch: Int) {
     *   if epoch & 1 == 0 {
     *   evenSessions.add(1, ordering: .sequentiallyConsistent)
     *   } else {
     *   oddSessions.add(1, ordering: .sequentiallyConsistent)
     *   }
     */
    sessions[session % 2]++;
    do
    /* code: DeathQueue.swift: var pushed = Cell(address: ready.exchange(0, ordering: .sequentiallyConsistent)) */
    :: queue ? cell ->
      if
      /* code: RegistryCore.swift: _ = cell.set(CellRecord.Flags.isReached, andTest: 0) */
      :: cell == MARK -> isReached = true
      :: else -> isDelivered[cell] = true
      fi
    :: empty(queue) -> break
    :: break                    /* a delivery takes a limited number of cells */
    od;
    /* code: RegistryCore+Flush.swift: func endSession(_ epoch: Int) {
     *   if epoch & 1 == 0 {
     *   evenSessions.subtract(1, ordering: .sequentiallyConsistent)
     *   } else {
     *   oddSessions.subtract(1, ordering: .sequentiallyConsistent)
     *   }
     */
    sessions[session % 2]--
  od
}

active proctype flush() {
  byte number = 0, turn, old;
  do
  :: number == 2 -> break
  :: number < 2 ->
    /* A target dies.
     *
     * code: DeathQueue.swift: var head = ready.load(ordering: .relaxed)
     *   while true {
     *   if head == 0 { beforeFirst() }
     *   cell.queueNext = Cell(address: head)
     *   let (exchanged, original) = ready.weakCompareExchange( expected: head, desired: cell.address,
     *   successOrdering: .sequentiallyConsistent, failureOrdering: .relaxed)
     *   if exchanged { return head == 0 }
     */
    queue ! number;
    /* code: RegistryCore+Flush.swift:
     *   unsafe record.pointee.flags.store(CellRecord.Flags.isMark, ordering: .relaxed)
     *   if deaths.push(unsafe Cell(record: record)) { schedule() }
     *   var backOff = BackOff()
     *   while unsafe record.pointee.flags.load(ordering: .acquiring) & CellRecord.Flags.isReached == 0
     */
#ifndef NO_MARK
    isReached = false;
    queue ! MARK;
    isReached;
#endif
    turn = 0;
    do
#ifdef ONE_TURN
    :: turn == 1 -> break
    :: turn < 1 ->
#else
    :: turn == 2 -> break
    :: turn < 2 ->
#endif
      /* code: RegistryCore+Flush.swift: for _ in 0..<2 {
       *   let old = epoch.add(1, ordering: .sequentiallyConsistent).oldValue
       *   var backOff = BackOff()
       *   while sessionCount(old) > 0 { backOff.pause() }
       * code: RegistryCore+Flush.swift: epoch & 1 == 0
       *   ? evenSessions.load(ordering: .sequentiallyConsistent) : oddSessions.load(ordering: .sequentiallyConsistent)
       */
      atomic { old = epoch; epoch++ }
      sessions[old % 2] == 0;
      turn++
    od;
    assert(isDelivered[number]);
    number++
  od
}

/* Who counts the cells that wait keeps others from popping.
 *
 * code: DeathQueue.swift: return unsafe Self.count(from: taken) +
 *   Self.count(from: Cell(address: ready.load(ordering: .acquiring)))
 */
