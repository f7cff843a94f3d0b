// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_BARRIER_H
#define CNATIVERUNTIME_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

// A one-sided barrier: the light barrier, which threads pass often, costs nothing; the heavy barrier, which they pass
// seldom, pays for both. If one thread executes a store, a light barrier and a load, and another thread executes a
// store, a heavy barrier and a load, then at least one of them sees the other's store. Linux's membarrier(2) makes
// every running thread of the process pass a full barrier; if the kernel refuses it, both barriers are full ones.

/// Whether the light barrier only keeps the compiler from reordering. Set before `main`; afterwards it changes only
/// from true to false, by an atomic store.
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

/// Costs a system call: from 0.3 to a few microseconds.
void cnativeruntime_heavy_barrier(void);

/// Makes every other thread of the process execute a full memory barrier; returns false if the kernel refuses. For
/// callers whose other side uses no light barrier.
bool cnativeruntime_barrier_on_all_threads(void);

#endif
