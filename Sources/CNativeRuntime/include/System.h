// SPDX-License-Identifier: Apache-2.0

#ifndef CNATIVERUNTIME_SYSTEM_H
#define CNATIVERUNTIME_SYSTEM_H

#include <stdint.h>
#include <time.h>

#pragma clang assume_nonnull begin

/// Sleeps if the word has this value, until `cnativeruntime_wake` is called, or until CLOCK_MONOTONIC reaches
/// `deadline` nanoseconds (UINT64_MAX: no deadline). It may return earlier.
void cnativeruntime_sleep(uint32_t *word, uint32_t value, uint64_t deadline);

/// Wakes one thread that sleeps on the word.
void cnativeruntime_wake(uint32_t *word);

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

#pragma clang assume_nonnull end

#endif
