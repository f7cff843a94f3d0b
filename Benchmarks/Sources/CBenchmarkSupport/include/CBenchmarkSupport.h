// SPDX-License-Identifier: Apache-2.0

// The parts of the benchmarks that are in C: sinks that the Swift optimiser cannot see through, a clock of nanoseconds
// and a clock of ticks, counts by the kernel and the allocator, and the allocators for comparison.

#ifndef C_BENCHMARK_SUPPORT_H
#define C_BENCHMARK_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#pragma clang assume_nonnull begin

// MARK: Sinks. Each is a call to another file; link-time optimisation stays off.

/// Reads nothing and writes nothing, but the optimiser cannot know that.
void bench_sink(const void *_Nullable pointer);

/// Writes one byte in each 4 KiB page of the memory: the smallest use of it that reaches all pages.
void bench_touch_pages(void *_Nullable pointer, size_t byte_count);

// MARK: Clocks

static inline uint64_t bench_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// Time that this thread has spent on a processor.
static inline uint64_t bench_thread_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// Reads the processor's time stamp counter. The processor cannot move work from before the reading to after it, or the
/// other way round. If there is no such counter, this reads nanoseconds. It takes about 10 ns.
static inline uint64_t bench_ticks(void) {
#if defined(__x86_64__)
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high)::"memory");
  return ((uint64_t)high << 32) | low;
#else
  return bench_nanoseconds();
#endif
}

/// Ticks per nanosecond, measured over 20 ms.
double bench_ticks_per_nanosecond(void);

/// Tells the processor that this is a waiting loop.
static inline void bench_relax(void) {
#if defined(__x86_64__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Adds 1 to a number that other threads could see, `times` times. It shows the cost of one atomic operation.
void bench_atomic_adds(int64_t times);

// MARK: Counts

/// Page faults of this process that needed no disk.
uint64_t bench_minor_faults(void);

/// Bytes of this process that are in memory now.
uint64_t bench_resident_bytes(void);

/// The number of allocations and frees in a jemalloc arena, including those that went through thread caches.
uint64_t bench_arena_calls(uint32_t arena);

/// Whether the process's malloc is glibc's.
bool bench_malloc_is_glibc(void);

// MARK: Allocators

/// The malloc and free of the process. The compiler cannot see that the two calls belong together, and remove them.
void *_Nullable bench_malloc(size_t byte_count);
void bench_free(void *_Nullable pointer);

/// jemalloc's malloc and free, with its thread caches, also if the process has another malloc.
void *_Nullable bench_jemalloc_malloc(size_t byte_count);
void bench_jemalloc_free(void *_Nullable pointer);

// MARK: Threads

/// Runs `body(context, 0)` to `body(context, count - 1)`, each on a thread of its own; returns when all have ended.
void bench_run_threads(int count, void (*body)(void *_Nullable context, int index), void *_Nullable context);

#pragma clang assume_nonnull end

#endif
