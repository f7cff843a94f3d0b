// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_BARRIER_H
#define CNATIVERUNTIME_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

// A one-sided barrier has two forms: threads pass the light barrier often, and it costs nothing; they pass the heavy
// barrier seldom, and it costs a system call.
//
//   thread 1        thread 2
//   a = 1           b = 1
//   light barrier   heavy barrier
//   read b          read a
//
// At least one of the two threads reads 1. The heavy barrier is Linux's membarrier(2), which makes every running thread
// of the process pass a full barrier. If the kernel refuses it, both barriers are ordinary full barriers.

/// Whether the light barrier only keeps the compiler from reordering, and no instruction is needed.
/// Synchronization: set before `main`; afterwards it changes only from true to false, by an atomic store.
extern bool cnativeruntime_is_barrier_one_sided;

/// Costs no instruction, unless the kernel refuses membarrier(2).
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

/// Makes every other thread of the process execute a full memory barrier. Returns false if the kernel refuses. This is
/// for callers whose other threads pass no light barrier.
bool cnativeruntime_barrier_on_all_threads(void);

#endif
