#ifndef CNATIVERUNTIME_BARRIER_H
#define CNATIVERUNTIME_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

// A one-sided barrier: what one thread does often costs nothing, and what another does seldom pays for both. After a
// store, a light barrier and a load on one thread, and a store, a heavy barrier and a load on another, at least one of them
// sees the other's store. Linux's membarrier(2) makes every running thread of the process pass a full barrier; if the
// kernel refuses it, both barriers are full ones.

/// Whether the light barrier only keeps the compiler from reordering. It changes from true to false at most.
extern bool cnativeruntime_is_barrier_one_sided;

static inline void cnativeruntime_light_barrier(void) {
  if (__builtin_expect(cnativeruntime_is_barrier_one_sided, 1)) {
    atomic_signal_fence(memory_order_seq_cst);
  } else {
    atomic_thread_fence(memory_order_seq_cst);
  }
}

static inline bool cnativeruntime_has_one_sided_barrier(void) {
  return __atomic_load_n(&cnativeruntime_is_barrier_one_sided, __ATOMIC_RELAXED);
}

/// A system call: from 0.3 to a few microseconds.
void cnativeruntime_heavy_barrier(void);

/// Whether every other thread of the process has executed a full memory barrier. False if the kernel refuses: for callers
/// whose other side has no light barrier.
bool cnativeruntime_barrier_on_all_threads(void);

#endif
