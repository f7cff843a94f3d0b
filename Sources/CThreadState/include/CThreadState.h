// What Swift cannot express: a thread-local record, reached by code that the compiler inlines into its callers, and
// the system calls behind an asymmetric barrier and behind a thread that sleeps until it is called. No policy:
// ThreadCaches+Windows.swift and Alarm.swift use them, and say why that is safe.

#ifndef CTHREADSTATE_H
#define CTHREADSTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// What a thread knows about its block cache. Its own thread and whoever holds the caches' lock write `cache`; only
/// its own thread writes `busy`.
typedef struct {
  /// The thread's block cache; NULL while it has none, or while somebody else looks into it.
  void *_Nullable cache;
  /// 1 while the thread uses its cache.
  uint32_t busy;
  /// Threads are numbered from 1 on, in the order in which they asked; 0 before that.
  uint32_t number;
} cthreadstate_record;

extern _Thread_local cthreadstate_record cthreadstate_thread __attribute__((tls_model("initial-exec")));

/// The calling thread's record: at this address until the thread ends.
static inline cthreadstate_record *cthreadstate_current(void) { return &cthreadstate_thread; }

/// Gives the calling thread its number.
uint32_t cthreadstate_take_number(void);

/// The calling thread's number: neighbours in time are neighbours in number.
static inline uint32_t cthreadstate_number(void) {
  uint32_t number = cthreadstate_thread.number;
  return __builtin_expect(number != 0, 1) ? number : cthreadstate_take_number();
}

/// The calling thread's cache, to read what never changes in it.
static inline void *_Nullable cthreadstate_cache(void) {
  return __atomic_load_n(&cthreadstate_thread.cache, __ATOMIC_ACQUIRE);
}

/// The same, to use it until `cthreadstate_leave()`, which is to follow even where the result is NULL. Two plain
/// instructions: the fence is one for the compiler only, the other side pays for both.
static inline void *_Nullable cthreadstate_enter(void) {
  __atomic_store_n(&cthreadstate_thread.busy, 1, __ATOMIC_RELAXED);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  return __atomic_load_n(&cthreadstate_thread.cache, __ATOMIC_ACQUIRE);
}

/// One plain instruction.
static inline void cthreadstate_leave(void) { __atomic_store_n(&cthreadstate_thread.busy, 0, __ATOMIC_RELEASE); }

static inline void cthreadstate_set_cache(cthreadstate_record *record, void *_Nullable cache) {
  __atomic_store_n(&record->cache, cache, __ATOMIC_RELEASE);
}

static inline bool cthreadstate_is_busy(const cthreadstate_record *record) {
  return __atomic_load_n(&record->busy, __ATOMIC_ACQUIRE) != 0;
}

/// Lets this process use `cthreadstate_barrier`. False where the kernel refuses.
bool cthreadstate_allow_barrier(void);

/// Every other thread of the process has executed a full memory barrier when this returns true.
bool cthreadstate_barrier(void);

/// Names the calling thread, for debuggers; 15 bytes are kept.
void cthreadstate_set_name(const char *name);

/// Sleeps while the word has this value, until `cthreadstate_wake` or until CLOCK_MONOTONIC shows `deadline`
/// nanoseconds (UINT64_MAX: without end). May return earlier.
void cthreadstate_sleep(uint32_t *word, uint32_t value, uint64_t deadline);

/// Wakes a thread that sleeps on the word.
void cthreadstate_wake(uint32_t *word);

#pragma clang assume_nonnull end

#endif
