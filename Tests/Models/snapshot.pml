/* How a thread reads the fields of a ledger entry that other threads use again meanwhile (EntrySnapshot.swift,
 * LedgerEntry+Ownership.swift). The reader loads the state word, the fields, and the word again. It believes the fields
 * if both words are of the same life.
 *
 * The writer's processor may put its stores into memory in any order (x86-64 does not do that, other processors do),
 * but for three rules: stores to one place stay in order; a store with release order comes after the stores before it;
 * stores behind a release fence come after the stores before the fence.
 *
 * Checked over all interleavings: fields that the reader believes are those of the word's life.
 *
 * With -DNO_FENCE, a life begins without its fence; with -DNO_RECHECK, the reader does not load the word again. The
 * check must fail with either.
 */
#define LIVES 3

/* A word is twice its generation, plus 1 while it is live. Life n begins with fields of the value n. */
byte word = 1;
byte size = 0;
byte site = 0;

/* Stores that are not in memory yet. A word waits until its fields, which are named by the second number, are there. */
chan words = [2] of { byte, byte };
chan sizes = [2] of { byte };
chan sites = [2] of { byte };

active proctype writer() {
  byte life = 1;
  do
  :: life == LIVES -> break
  :: life < LIVES ->
    /* The last life ends, and the entry is idle in the next generation.
     *
     * code: LedgerEntry+Ownership.swift: unsafe record.pointee.word.store(next, ordering: .releasing)
     */
    words ! (2 * life), (life - 1);
    /* code: LedgerEntry+Ownership.swift: atomicMemoryFence(ordering: .releasing)
     *   self.byteCount = byteCount
     *   self.site = site
     */
#ifndef NO_FENCE
    empty(words);
#endif
    sizes ! life;
    sites ! life;
    /* code: LedgerEntry+Ownership.swift: let key = EntryWord(state: .live, generation: word.generation)
     *   unsafe record.pointee.word.store(key.rawValue, ordering: .releasing)
     */
    words ! (2 * life + 1), life;
    life++
  od
}

active proctype memory() {
  byte value, fields;
end:
  do
  :: atomic { sizes ? value -> size = value }
  :: atomic { sites ? value -> site = value }
  :: atomic { words ? [value, fields] -> words ? <value, fields>;
      if :: size >= fields && site >= fields -> words ? value, fields; word = value :: else fi }
  od
}

active proctype reader() {
  byte before, seenSize, seenSite, after;
  /* code: EntrySnapshot.swift: let before = word */
  before = word;
  /* code: EntrySnapshot.swift: byteCount: byteCount, capacity: capacity, site: site, */
  seenSize = size;
  seenSite = site;
  /* code: EntrySnapshot.swift: atomicMemoryFence(ordering: .acquiring)
   *   return word.isSameLife(as: before) ? snapshot : nil
   */
#ifdef NO_RECHECK
  after = before;
#else
  after = word;
#endif
  if
  :: before == after && (before & 1) == 1 -> assert(seenSize == before / 2 && seenSite == before / 2)
  :: else
  fi
}
