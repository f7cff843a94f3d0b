/* The index from a line of code to its site (SiteIndex.swift). Threads that add lines hold a lock; threads that look
 * for a line hold none. Both lines here begin their search at the same slot.
 *
 * Checked over all interleavings: a thread that finds a line's key finds the line's site beside it, and at the end both
 * lines are there.
 *
 * With -DKEY_FIRST, a key is stored before its site, and the check must fail.
 *
 * all atomics: SiteIndex.swift
 */
#define LINES 2

byte key[LINES + 1];      /* 0: the slot is empty */
byte site[LINES + 1];     /* a line's site has the line's number */
bool isLocked = false;

/* code: SiteIndex.swift: let found = unsafe slots[slot].key.load(ordering: .acquiring)
 *   if found == key || found == 0 { return (slot, found == key) }
 *   slot = (slot + 1) & (slotCount - 1)
 */
inline search(line) {
  slot = 0;
  do
  :: true ->
    seen = key[slot];
    if
    :: seen == line || seen == 0 -> break
    :: else -> slot++
    fi
  od
}

proctype adding(byte line) {
  byte slot, seen;
  atomic { !isLocked -> isLocked = true };
  search(line);
  /* code: SiteIndex.swift: unsafe slots[slot].site.store(UInt64(site.rawValue), ordering: .relaxed)
   *   unsafe slots[slot].key.store(key, ordering: .releasing)
   */
#ifdef KEY_FIRST
  key[slot] = line;
  site[slot] = line;
#else
  site[slot] = line;
  key[slot] = line;
#endif
  isLocked = false
}

proctype looking(byte line) {
  byte slot, seen;
  search(line);
  /* code: SiteIndex.swift: guard isFound else { return nil }
   *   return SiteID(rawValue: UInt32(truncatingIfNeeded: unsafe slots[index].site.load(ordering: .relaxed)))
   */
  if
  :: seen == line -> assert(site[slot] == line)
  :: else
  fi
}

init {
  atomic { run adding(1); run adding(2); run looking(1); run looking(2) };
  (_nr_pr == 1);
  assert(key[0] + key[1] == 3 && key[2] == 0 && site[0] == key[0] && site[1] == key[1])
}
