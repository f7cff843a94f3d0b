#ifndef CNATIVERUNTIME_H
#define CNATIVERUNTIME_H

#include <stdint.h>

/// Which locks a thread holds, by their rank: for `LockWitness`, in debug builds.
///
/// A plain thread-local record, and not one that a pthread key's destructor frees: destructors of other keys, which run
/// after it when a thread ends, take locks too.
typedef struct {
  /// How many locks of each rank the thread holds.
  uint32_t counts[32];
  /// The latest of them, by the order in which they were made.
  uint64_t latest[32];
  /// A bit for each rank of which it holds one.
  uint32_t ranks;
} cnativeruntime_held_locks;

/// This thread's record. It is there until the thread has run its last destructor.
cnativeruntime_held_locks *cnativeruntime_current_held_locks(void);

#endif
