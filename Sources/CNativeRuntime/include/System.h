// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_SYSTEM_H
#define CNATIVERUNTIME_SYSTEM_H

#include <stdint.h>
#include <time.h>

#pragma clang assume_nonnull begin

/// Sleeps if the word has this value, until `cnativeruntime_wake` is called, or until CLOCK_MONOTONIC reaches
/// `deadline` nanoseconds (UINT64_MAX: no deadline). It may return earlier.
void cnativeruntime_sleep(uint32_t *word, uint32_t value, uint64_t deadline);

/// The same, and also sleeps only while a second word has the value `foreign_value`, and ends if another process that
/// has changed the second word wakes its sleepers. If the kernel cannot sleep on two words (before Linux 5.16, or in a
/// sandbox), this sleeps on the first word alone.
void cnativeruntime_sleep_on_both(uint32_t *word, uint32_t value, uint32_t *foreign, uint32_t foreign_value,
                                  uint64_t deadline);

/// Wakes one thread that sleeps on the word.
void cnativeruntime_wake(uint32_t *word);

/// Wakes all threads of all processes that sleep on a word in shared memory.
void cnativeruntime_wake_foreign(uint32_t *word);

/// Reads a clock that is cheap to read and the same for all threads. It has no fixed unit: use it only to compare.
static inline uint64_t cnativeruntime_ticks(void) {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
  uint64_t ticks;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
  return ticks;
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
#endif
}

/// The second of the process's ledger: how many seconds ago the ledger was made, plus 1; 0 while there is none. It is
/// in C, so that inlined code reads it by one load.
/// Synchronization: atomic; written by the thread that has just written the same number to the ledger's header.
extern uint32_t cnativeruntime_ledger_second;

static inline uint32_t cnativeruntime_second(void) {
  return __atomic_load_n(&cnativeruntime_ledger_second, __ATOMIC_RELAXED);
}

static inline void cnativeruntime_set_second(uint32_t second) {
  __atomic_store_n(&cnativeruntime_ledger_second, second, __ATOMIC_RELAXED);
}

#pragma clang assume_nonnull end

#endif
