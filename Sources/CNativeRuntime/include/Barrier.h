// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_BARRIER_H
#define CNATIVERUNTIME_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

// The two-flag protocol (Dekker's algorithm) with a one-sided barrier, as in liburcu and in the Linux kernel's
// documentation of membarrier. It keeps two threads apart: the *owner*, which comes often, and a *visitor*, which comes
// seldom. Each sets its own flag, passes a barrier, and then looks at the other's flag:
//
//   owner                    visitor
//   a = 1                    b = 1
//   light barrier            heavy barrier
//   b is 1?  Give way.       a is 1?  Wait, or give up.
//   ... is inside ...        ... is inside ...
//   a = 0 (release)          b = 0 (release)
//
// At least one of the two sees the other. The light barrier costs nothing. The heavy barrier is Linux's membarrier(2),
// a system call that makes every running thread of the process pass a full barrier, at some point between two of the
// owner's instructions. If that point is after `a = 1`, the visitor sees that the owner is there; if it is before the
// owner looks at `b`, the owner sees the visitor. If the kernel refuses the call, both barriers are ordinary full
// barriers.
//
// Two mechanisms use this protocol. AsymmetricLock.swift is the plain form. The threads' block caches (Thread.h and
// ThreadCaches+Quiescing.swift) differ from it, to save the owner a load and a possible fence: the visitor's flag is
// the pointer to the cache, which the owner must load anyway, and which the visitor sets to NULL; and if the kernel
// refuses the call, the owner passes no fence, because no visitor goes in.

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

/// Costs a system call: from 0.3 to a few microseconds. Returns whether every other thread of the process has passed a
/// full barrier. If the kernel refuses that, light barriers are full barriers from now on: false means that only owners
/// that pass a light barrier are kept apart from the caller.
bool cnativeruntime_heavy_barrier(void);

#endif
