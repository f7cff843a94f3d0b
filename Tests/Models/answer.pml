/* How the maintenance thread publishes answers, and how a reader of another process reads the last one
 * (AnswerWriter.swift, AnswerReader.swift). Answer n is written into half n modulo 2, and then the header says n. A
 * reader loads the header's number, reads that half, and believes it if the header still has the same number.
 *
 * The writer's processor may put its stores into memory in any order, but for three rules: stores to one place stay in
 * order; a store with release order comes after the stores before it; stores behind a release fence come after the
 * stores before the fence.
 *
 * Checked over all interleavings: a half that a reader believes is that of one answer, whole.
 *
 * With -DNO_FENCE, an answer begins without its fence. With -DGROWN_BY_ONE, a reader also believes a half if the
 * header's number has grown by one meanwhile: then the process may be writing into that half already. The check must
 * fail with either.
 */
#define ANSWERS 4

byte header = 0;
/* Two fields of each half. */
byte first[2];
byte second[2];

/* Stores that are not in memory yet: half and value; the header's number waits until both fields are there. */
chan firsts = [2] of { byte, byte };
chan seconds = [2] of { byte, byte };
chan headers = [2] of { byte };

active proctype writer() {
  byte n = 0;
  do
  :: n == ANSWERS -> break
  :: n < ANSWERS ->
    n++;
    /* code: AnswerWriter.swift: atomicMemoryFence(ordering: .releasing)
     *   arenaCount = 0
     */
#ifndef NO_FENCE
    empty(headers);
#endif
    firsts ! (n % 2), n;
    seconds ! (n % 2), n;
    /* code: AnswerWriter.swift: pointee.store(number, ordering: .releasing) */
    headers ! n
  od
}

active proctype memory() {
  byte half, value;
end:
  do
  :: atomic { firsts ? half, value -> first[half] = value }
  :: atomic { seconds ? half, value -> second[half] = value }
  :: atomic { headers ? [value] -> headers ? <value>;
      if
      :: first[value % 2] >= value && second[value % 2] >= value -> headers ? value; header = value
      :: else
      fi }
  od
}

active proctype reader() {
  byte before, seenFirst, seenSecond, after;
  /* code: AnswerReader.swift: let number = try self.number(source) */
  before = header;
  seenFirst = first[before % 2];
  seenSecond = second[before % 2];
  /* code: AnswerReader.swift: atomicMemoryFence(ordering: .acquiring)
   *   if try self.number(source) == number {
   */
  after = header;
#ifdef GROWN_BY_ONE
  if
  :: after <= before + 1 && before > 0 -> assert(seenFirst == before && seenSecond == before)
#else
  if
  :: after == before && before > 0 -> assert(seenFirst == before && seenSecond == before)
#endif
  :: else
  fi
}
